"""What commits together or not at all, as bytes: the codec and the keys stand above it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from eventsourcing.persistence import IntegrityError, OperationalError
from msgspec import Struct


class Entry(Struct, frozen=True, gc=False):
    """One event as bytes."""

    stream: str
    version: int
    type: str
    body: bytes
    event_id: UUID
    meta: bytes
    salt: bytes
    """16 random bytes, from which each field's salt in the leaf is derived."""


class Minted(Struct, frozen=True, gc=False):
    """A new subject's key, wrapped under the tenant's key of that epoch."""

    subject: UUID
    epoch: int
    wrapped: bytes


class Reservation(Struct, frozen=True, gc=False):
    """One value of its kind in a tenant: the scope, and an HMAC of the normalised value."""

    scope: str
    token: bytes
    stream: str


class Stamp(Struct, frozen=True, gc=False):
    """An idempotency key as the log keeps it: credential, HMAC of the key, HMAC of the request."""

    credential: UUID
    key: bytes
    request: bytes


class Atom(Struct, frozen=True):
    entries: Sequence[Entry]
    """In order; the versions of each stream follow its last one without a gap."""
    subjects: tuple[UUID, ...] = ()
    """Those whose keys must be live (the minted ones besides)."""
    minted: tuple[Minted, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    stamp: Stamp | None = None
    tracking: tuple[str, int] | None = None
    """Application name and notification id, for the library's process recorders."""


class Committed(Struct, frozen=True, gc=False):
    """Positions `first … last` of an atom's entries."""

    first: int
    last: int
    at: datetime
    generation: int
    repeated: bool = False
    """The stamp was there already, for the same request: nothing was written, the positions are the earlier ones."""


class Behind(IntegrityError):
    """A stream is not at the version the atom builds on."""

    def __init__(self, stream: str, actual: int) -> None:
        super().__init__(f"{stream} is at version {actual}")
        self.stream = stream
        self.actual = actual


class Reserved(IntegrityError):
    """Another stream holds the reservation."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


class Gone(IntegrityError):
    """A subject's key is destroyed."""


class Minting(IntegrityError):
    """Another writer minted a subject's key first: fetch it, seal again, submit again."""


class Restamped(IntegrityError):
    """The idempotency key was used with another request."""


class Tracked(IntegrityError):
    """The notification was processed before, or a later one was."""


class Unfounded(IntegrityError):
    """The tenant has no head: it was never founded here."""


class Busy(OperationalError):
    """Nothing was written: too much waits already, or another writer holds the tenant. Try again."""


class Failing(OperationalError):
    """Nothing was written: the server cannot write its files, lacks memory, or took too long. Try again."""


class Full(Failing):
    """Nothing was written: the server's disk is full. Try again when there is room."""


class Closed(OperationalError):
    """Nothing was written: the tenant is moving, and its log is read and not written to."""


class Unsettled(OperationalError):
    """The connection was lost and the outcome could not be learned. Load the stream again before trying again."""

"""What personal data lies under: a key service's keys over tenant keys over subject keys, each bound to its place."""

from typing import Any, Final, Literal, Protocol, runtime_checkable
from uuid import UUID

from msgspec import Struct

Purpose = Literal["subjects", "tokens", "requests"]
"""What a tenant key is for: wrapping subject keys, look-up tokens, idempotency."""

EPOCH: Final = 30 * 24 * 3600
"""Seconds that one tenant key wraps new subject keys. Destroying an epoch's key is how write-ahead logs, replicas and
backups forget the subjects erased since, so an epoch is the longest they may remember."""
TURN: Final = EPOCH // 2
"""Seconds after which new subject keys lie under the next epoch, and those that live are wrapped under it anew. The
epoch before is destroyed when it is as old as `EPOCH`: so a backup that is younger than the rest can still be used."""
FIRST: Final = 1
"""The first epoch of the keys for tokens and requests, and the only one: nothing rotates these."""


class Destroyed(Exception):
    """The key was destroyed, and everything under it is gone."""


class Missing(Exception):
    """The key service never had this key: it is another one than the data were written with."""


class Unserved(Exception):
    """The key service does not answer just now: what was asked may be asked again."""


class Denied(Exception):
    """The key service refuses us: nothing opens until whoever runs it grants the use of the key again."""


class Revoked(Denied):
    """An organisation's own key service refuses us: whoever owns it has taken back the use of its key."""


class Left(Denied):
    """The organisation has left this installation, which has forgotten it: nothing of it is opened here again."""


class Misplaced(Exception):
    """A ciphertext is not what was recorded in its place: altered, cut short, or moved from elsewhere."""


class Pace(Struct, frozen=True):
    """How long unwrapped tenant keys are used before the key service is asked again, in seconds.

    A refusal counts at once. While there is no answer, what is at hand serves until it is `dead`.
    """

    renew: float
    dead: float
    wait: float
    """How long somebody who needs a key that is not at hand waits for the service."""
    apart: bool = False
    """Whether it is asked where it keeps nobody else's keys waiting."""


OWN: Final = Pace(renew=10.0, dead=30.0, wait=3.0, apart=True)
"""For keys under a service of the organisation's own: with `SUBJECTS` behind it, what the owner takes back is closed
within a minute, also where the owner does so by cutting the line."""
SHARED: Final = Pace(renew=30.0, dead=900.0, wait=20.0)
"""For keys under the installation's service: a refusal closes within a minute, an outage in a quarter of an hour."""
SUBJECTS: Final = 25.0
"""Seconds that a subject key is used before it is fetched and unwrapped anew."""


@runtime_checkable
class KMS(Protocol):
    """A key management service. Its keys never leave it; `ad` is bound to what is wrapped and has to be given again.

    Each of these may raise `Unserved` and `Denied` as well, where the service is another machine.
    """

    def create(self, name: str) -> None:
        """Make a key. Where there is one, nothing changes. Raises `Destroyed`: a name is never used twice."""
        ...

    def wrap(self, name: str, plaintext: bytes, ad: bytes) -> bytes:
        """Raises `Missing` and `Destroyed`."""
        ...

    def unwrap(self, name: str, wrapped: bytes, ad: bytes) -> bytes:
        """Raises `Missing`, `Destroyed` and `Misplaced`."""
        ...

    def destroy(self, name: str) -> None:
        """Whatever lies under the key is gone afterwards, in every copy. Doing it again changes nothing."""
        ...


@runtime_checkable
class Tokens(Protocol):
    """What a tenant's read models need of its keys. Both may ask the database, so neither belongs on an event loop."""

    def open(self, value: Any) -> Any:
        """A copy of a value with everything sealed in it opened, or `Erased`. Many at once cost one query."""
        ...

    def token(self, scope: str, value: str) -> bytes:
        """An HMAC of the normalised value under the tenant's key for tokens: equal values of a scope, equal tokens."""
        ...


def epoch(seconds: float) -> int:
    """The epoch of a time given in seconds since 1970."""
    return int(seconds // EPOCH)


def name(tenant: UUID, purpose: Purpose, epoch: int) -> str:
    """The key service's key over a tenant key: each has one of its own, so that it can be destroyed alone."""
    return f"{tenant}.{purpose}.{epoch}"


def over_tenant_key(tenant: UUID, purpose: Purpose, epoch: int) -> bytes:
    """What the wrapping of a tenant key is bound to."""
    return b"everlog/tenant-key/1\0" + tenant.bytes + epoch.to_bytes(8, "big") + purpose.encode()


def over_subject_key(tenant: UUID, epoch: int, subject: UUID) -> bytes:
    """What the wrapping of a subject key is bound to."""
    return b"everlog/subject-key/1\0" + tenant.bytes + epoch.to_bytes(8, "big") + subject.bytes


def over_field(tenant: UUID, subject: UUID) -> bytes:
    """What a personal field is bound to, followed by its binding: stream, version and the field's path as recorded."""
    return b"everlog/field/1\0" + tenant.bytes + subject.bytes

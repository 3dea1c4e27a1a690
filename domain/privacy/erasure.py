"""What happens to a subject's data: an erasure from request to certificate, and an export."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from domain.kernel import Fact, Personal


class ErasureRequested(Fact, frozen=True, tag="privacy.erasure-requested"):
    by: UUID
    basis: str
    """Why it is due, in law."""
    reference: str
    """The request's name elsewhere, such as a ticket's number; kept in the clear, for ever."""
    reason: Personal[str] = ""
    """Free text. It is the subject's, and goes with them."""


class ErasureWithdrawn(Fact, frozen=True, tag="privacy.erasure-withdrawn"):
    by: UUID


class ErasureApproved(Fact, frozen=True, tag="privacy.erasure-approved"):
    by: UUID


class Learned(Struct, frozen=True):
    """What a model was at a position of the log: the digest of its state, and of the program that folded it."""

    model: str
    digest: str
    build: str


class ErasureBegun(Fact, frozen=True, tag="privacy.erasure-begun"):
    """The key is destroyed next. What the models were is noted while it can still be told."""

    position: int
    """The log's last: up to there they were folded."""
    models: tuple[Learned, ...] = ()
    """None where nothing of the subject was there to learn from."""


class ErasureCertified(Fact, frozen=True, tag="privacy.erasure-certified"):
    """It is done: what was destroyed, and what was found to go with it."""

    erased_at: datetime
    """When the key was destroyed; nothing recorded under it has opened since."""
    position: int
    """The log's last when the key was gone: the views were cleared once they held everything up to it."""
    events: int
    """Events about the subject. They stay, their personal fields closed for ever, and so do their proofs."""
    tokens: tuple[tuple[str, int], ...]
    """By view, how many look-up tokens were cleared."""
    snapshots: int
    reservations: int
    messages: int = 0
    """Of JetStream, that were overwritten there."""
    learned: int = 0
    """Up to this position the models of `before` and `after` were folded; 0 where there are none."""
    before: tuple[Learned, ...] = ()
    """The models while the subject could be learned from."""
    after: tuple[Learned, ...] = ()
    """The same models, folded from the same events once they were closed."""


class AccessExported(Fact, frozen=True, tag="privacy.access-exported"):
    """Everything there is about the subject was handed to somebody: recorded first, and handed out then."""

    by: UUID
    position: int
    """The log's last that the export holds."""
    events: int
    predictions: int
    entries: int
    """Of the trail."""


class ErasureHalted(Fact, frozen=True, tag="privacy.erasure-halted"):
    """A hold or the floor was found to forbid it before the key went: the approval is void, the request stands."""

    matters: tuple[str, ...] = ()
    floor: datetime | None = None
    """Until when what was recorded is to stay."""


ErasureFacts = ErasureRequested | ErasureWithdrawn | ErasureApproved | ErasureBegun | ErasureHalted | ErasureCertified

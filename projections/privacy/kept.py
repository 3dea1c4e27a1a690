"""What is seen of privacy: erasures from request to certificate, and what is held."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Personal, Recorded
from domain.privacy import (
    ErasureApproved,
    ErasureBegun,
    ErasureCertified,
    ErasureFacts,
    ErasureHalted,
    ErasureRequested,
    ErasureWithdrawn,
    HoldDropped,
    HoldFacts,
    HoldLifted,
    HoldPlaced,
    HoldProposed,
    Learned,
    LiftProposed,
    Scope,
)
from projections.kernel import Home, Is, Page, Query, Reads, View, Where

Stage = Literal["requested", "withdrawn", "approved", "halted", "erased"]
HoldStage = Literal["proposed", "placed"]


class Erasure(Struct, frozen=True):
    subject: UUID
    stage: str
    basis: str
    reference: str
    reason: Personal[str]
    requested_by: UUID
    requested_at: datetime
    changed_at: datetime
    approved_by: UUID | None = None
    approved_at: datetime | None = None
    erased_at: datetime | None = None
    certificate: int | None = None
    """Its position in the log: what proves it is the proof of that event."""
    events: int | None = None
    tokens: int | None = None
    snapshots: int | None = None
    reservations: int | None = None
    messages: int | None = None
    """Of JetStream, that were overwritten."""
    halted_by: tuple[str, ...] = ()
    """The matters that were found to forbid it after it was approved; another approval is needed."""
    halted_until: datetime | None = None
    """Until when the floor forbids it."""
    begun_at: datetime | None = None
    """Since when it is under way: the key goes next."""
    learned: int | None = None
    """Up to this position the models of `before` and `after` were folded; 0 where there was nothing to unlearn."""
    before: tuple[Learned, ...] = ()
    """The models while the subject could be learned from."""
    after: tuple[Learned, ...] = ()
    """The models folded from the same events, once they were closed: as if nothing had been said in them."""


class Held(Struct, frozen=True):
    id: str
    """`<subject>/<matter>`."""
    subject: UUID
    matter: str
    stage: str
    proposed_by: UUID
    proposed_at: datetime
    until: datetime | None = None
    placed_by: UUID | None = None
    placed_at: datetime | None = None
    lift_by: UUID | None = None
    """Who wants it lifted."""
    scope: Scope | None = None
    """Of a hold on the organisation (`subject` is its identifier): what it is on, everything where it is null."""


def _subject(recorded: Recorded) -> Where | None:
    return Where("subject", recorded.id)


def _matter(recorded: Recorded) -> Where | None:
    return Where("id", _name(recorded))


def _name(recorded: Recorded) -> str:
    return f"{recorded.id}/{getattr(recorded.fact, 'matter', '')}"


def _erasure(rows: list[Erasure], recorded: Recorded) -> list[Erasure]:
    fact, at = recorded.fact, recorded.at
    if isinstance(fact, ErasureRequested):
        return [Erasure(recorded.id, "requested", fact.basis, fact.reference, fact.reason, fact.by, at, at)]
    return [replace(_went_on(row, fact, recorded), changed_at=at) for row in rows]


def _went_on(row: Erasure, fact: Fact, recorded: Recorded) -> Erasure:
    match fact:
        case ErasureWithdrawn():
            return replace(row, stage="withdrawn")
        case ErasureApproved(by=by):
            return replace(row, stage="approved", approved_by=by, approved_at=recorded.at)
        case ErasureHalted(matters=matters, floor=floor):
            return _halted(row, matters, floor)
        case ErasureBegun(models=models):
            return replace(row, begun_at=recorded.at, before=models)
        case ErasureCertified() as done:
            return _certified(row, done, recorded)
    return row


def _halted(row: Erasure, matters: tuple[str, ...], floor: datetime | None) -> Erasure:
    """As it was requested: what was approved and begun is void."""
    asked = (row.basis, row.reference, row.reason, row.requested_by, row.requested_at, row.changed_at)
    again = Erasure(row.subject, "halted", *asked)
    return replace(again, halted_by=matters, halted_until=floor)


def _certified(row: Erasure, done: ErasureCertified, recorded: Recorded) -> Erasure:
    return replace(
        row,
        stage="erased",
        erased_at=done.erased_at,
        certificate=recorded.position,
        events=done.events,
        tokens=sum(count for _, count in done.tokens),
        snapshots=done.snapshots,
        reservations=done.reservations,
        messages=done.messages,
        learned=done.learned,
        before=done.before,
        after=done.after,
    )


def _hold(rows: list[Held], recorded: Recorded) -> list[Held]:
    match recorded.fact:
        case HoldProposed(by=by, matter=matter, until=until, scope=scope):
            return [Held(_name(recorded), recorded.id, matter, "proposed", by, recorded.at, until, scope=scope)]
        case HoldPlaced(by=by):
            return [replace(row, stage="placed", placed_by=by, placed_at=recorded.at) for row in rows]
        case LiftProposed(by=by):
            return [replace(row, lift_by=by) for row in rows]
        case HoldDropped() | HoldLifted():
            return []
    return rows


erasures = View(
    "erasures",
    2,
    Erasure,
    _subject,
    _erasure,
    facts=ErasureFacts,
    filters=("stage", "requested_at"),
    sorts=("requested_at",),
    indexes=(("stage", "requested_at"),),
    home=Home.stream("privacy", "subject"),
)
holds = View(
    "holds",
    2,
    Held,
    _matter,
    _hold,
    facts=HoldFacts,
    filters=("subject", "stage", "matter"),
    sorts=("proposed_at",),
    indexes=(("subject", "proposed_at"),),
)


class GetErasure(Query, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.read"
    subject: UUID

    async def answer(self, reads: Reads) -> Erasure | None:
        return await reads.one(erasures, self.subject)


class ListErasures(Query, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.read"
    stage: Stage | None = None
    sort: str = "-requested_at"
    limit: int = 50
    cursor: str = ""

    async def answer(self, reads: Reads) -> Page[Erasure]:
        where = [Is("stage", self.stage)] if self.stage else []
        return await reads.page(erasures, where, sort=self.sort, limit=self.limit, cursor=self.cursor)


class ListHolds(Query, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.read"
    subject: UUID | None = None
    stage: HoldStage | None = None
    matter: str | None = None
    sort: str = "-proposed_at"
    limit: int = 50
    cursor: str = ""

    async def answer(self, reads: Reads) -> Page[Held]:
        asked = {"subject": self.subject, "stage": self.stage, "matter": self.matter}
        where = [Is(column, value) for column, value in asked.items() if value is not None]
        return await reads.page(holds, where, sort=self.sort, limit=self.limit, cursor=self.cursor)


class GetStanding(Struct, frozen=True, kw_only=True):
    """What is held of a subject, and until when. The answer is in the log."""

    permission: ClassVar = "privacy.read"
    subject: UUID

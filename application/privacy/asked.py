"""What can be asked about a subject's erasure and the holds on it."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from msgspec import Meta

from application.kernel import Command
from domain import privacy as domain
from domain.kernel import Fact, Refused
from domain.privacy import AccessExported, Privacy, Scope, Standing, privacy

Basis = Annotated[
    Literal[
        "no-longer-necessary",
        "consent-withdrawn",
        "objection",
        "unlawful-processing",
        "legal-obligation",
        "child-consent",
    ],
    Meta(description="Which case of article 17(1) of the GDPR it is, from (a) to (f)."),
]
Reference = Annotated[
    str,
    Meta(
        max_length=100,
        pattern=r"^[^\x00-\x1f]*$",
        description="The request's name elsewhere, such as a ticket's number. It stays in the clear: no person's name.",
        examples=["DSR-2026-118"],
    ),
]
Matter = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f]*$",
        description="What it is held for. It stays in the clear: no person's name.",
        examples=["litigation-2026-7"],
    ),
]
Resource = Annotated[
    str,
    Meta(
        max_length=100,
        pattern=r"^([a-z_]+/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$",
        description="The stream of one resource, such as `prospects/<uuid>`.",
    ),
]
Word = Annotated[
    str,
    Meta(max_length=100, pattern=r"^[a-z._-]*$", description="As the trail names it, such as `prospects.won`."),
]
Days = Annotated[
    int, Meta(ge=0, le=36_500, description="How long a person's record stays after its last event.", examples=[0])
]
Purpose = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=50,
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        description="A purpose of your own naming. `profiling` is what predictions are made for.",
        examples=["newsletter"],
    ),
]
Source = Annotated[
    str,
    Meta(
        max_length=100,
        pattern=r"^[^\x00-\x1f]*$",
        description="Where it was said, such as a form and its version. It stays in the clear: no person's name.",
        examples=["form-7"],
    ),
]
Text = Annotated[str, Meta(max_length=10_000, pattern=r"^[^\x00]*$", description="Free text; erased with the person.")]


class Request(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.request"
    stream: ClassVar = privacy
    told: ClassVar = ("against",)
    basis: Basis
    reference: Reference = ""
    reason: Text = ""
    against: Standing = Standing()

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        wanted = domain.ErasureRequested(by, self.basis, self.reference, self.reason)
        return domain.request(state, wanted, self.against)


class Withdraw(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.request"
    stream: ClassVar = privacy

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.withdraw(state, by)


class Approve(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.approve"
    stream: ClassVar = privacy
    told: ClassVar = ("against",)
    against: Standing = Standing()

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.approve(state, by, self.against)


class ProposeHold(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.hold"
    stream: ClassVar = privacy
    matter: Matter
    until: Annotated[datetime, Meta(tz=True, description="When it is expected to end.")] | None = None

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.propose_hold(state, domain.HoldProposed(by, self.matter, self.until))


class HoldRecords(Command, frozen=True, kw_only=True):
    """Propose to hold what is recorded of anybody, as far as it fits everything that is named here."""

    permission: ClassVar = "privacy.hold"
    stream: ClassVar = privacy
    matter: Matter
    until: Annotated[datetime, Meta(tz=True, description="When it is expected to end.")] | None = None
    resource: Resource = ""
    since: Annotated[datetime, Meta(tz=True, description="Recorded at this time or later.")] | None = None
    before: Annotated[datetime, Meta(tz=True, description="Recorded before this time.")] | None = None
    capability: Word = ""
    type: Word = ""
    actor: Annotated[UUID, Meta(description="Done by this user, key or model.")] | None = None

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        scope = Scope(self.resource, self.since, self.before, self.capability, self.type, self.actor)
        if scope == Scope():
            raise Refused("privacy.hold-empty")
        return domain.propose_hold(state, domain.HoldProposed(by, self.matter, self.until, scope))


class PlaceHold(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.hold"
    stream: ClassVar = privacy
    matter: Matter

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.place_hold(state, by, self.matter)


class DropHold(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.hold"
    stream: ClassVar = privacy
    matter: Matter

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.drop(state.holds, by, self.matter)


class ProposeLift(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.hold"
    stream: ClassVar = privacy
    matter: Matter

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.propose_lift(state.holds, by, self.matter)


class LiftHold(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.hold"
    stream: ClassVar = privacy
    matter: Matter

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.lift(state.holds, by, self.matter)


class GiveConsent(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.consent"
    stream: ClassVar = privacy
    purpose: Purpose
    source: Source = ""

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.give(state.consents, domain.ConsentGiven(by, self.purpose, self.source))


class WithdrawConsent(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.consent"
    stream: ClassVar = privacy
    purpose: Purpose
    source: Source = ""

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.take_back(state.consents, domain.ConsentWithdrawn(by, self.purpose, self.source))


class ProposeFloor(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.hold"
    stream: ClassVar = privacy
    days: Days

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.propose_floor(state.floor, by, self.days)


class ApproveFloor(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.hold"
    stream: ClassVar = privacy
    days: Days

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.approve_floor(state.floor, by, self.days)


class Export(Command, frozen=True, kw_only=True):
    """Records what an export holds. Whoever hands one out gives this first: without a record nothing leaves."""

    permission: ClassVar = "privacy.export"
    stream: ClassVar = privacy
    position: int
    events: int
    predictions: int
    entries: int

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:  # noqa: ARG002 - the same in every state
        return [AccessExported(by, self.position, self.events, self.predictions, self.entries)]

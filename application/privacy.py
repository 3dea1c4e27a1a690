"""What can be asked about a subject's erasure and the holds on it, and how an approved erasure is carried out."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal, Protocol
from uuid import UUID, uuid4

from msgspec import Meta, Struct

from application.kernel import Command
from application.ports import Conflict, Log
from domain import kernel
from domain import privacy as domain
from domain.kernel import Actor, Fact
from domain.privacy import AccessExported, ErasureCertified, Privacy, privacy
from tenants.context import SYSTEM

PERMISSION = "privacy.execute"
WAIT = 30.0
"""Seconds that a certificate may take to be recorded before it is tried again."""

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
Text = Annotated[str, Meta(max_length=10_000, pattern=r"^[^\x00]*$", description="Free text; erased with the person.")]


class Request(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.request"
    stream: ClassVar = privacy
    basis: Basis
    reference: Reference = ""
    reason: Text = ""

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.request(state, by, self.basis, self.reference, self.reason)


class Withdraw(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.request"
    stream: ClassVar = privacy

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.withdraw(state, by)


class Approve(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.approve"
    stream: ClassVar = privacy

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.approve(state, by)


class ProposeHold(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.hold"
    stream: ClassVar = privacy
    matter: Matter
    until: Annotated[datetime, Meta(tz=True, description="When it is expected to end.")] | None = None

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.propose_hold(state, by, self.matter, self.until)


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
        return domain.drop_hold(state, by, self.matter)


class ProposeLift(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.hold"
    stream: ClassVar = privacy
    matter: Matter

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.propose_lift(state, by, self.matter)


class LiftHold(Command, frozen=True, kw_only=True):
    permission: ClassVar = "privacy.hold"
    stream: ClassVar = privacy
    matter: Matter

    def decide_as(self, by: UUID, state: Privacy) -> list[Fact]:
        return domain.lift_hold(state, by, self.matter)


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


class Purged(Struct, frozen=True):
    """What was found of a subject and cleared, or left closed for ever."""

    events: int
    tokens: tuple[tuple[str, int], ...]
    snapshots: int
    reservations: int


class Remains(Protocol):
    """What there is of one tenant's subjects beside the log."""

    def approved(self) -> list[UUID]:
        """Subjects whose erasure is approved and not certified yet, as far as the views know."""
        ...

    def erase(self, subject: UUID) -> datetime:
        """Destroy the subject's key, unless it is gone; since when it is. It stays destroyed whatever comes."""
        ...

    def level(self, position: int) -> bool:
        """Whether the views hold everything up to a position."""
        ...

    def purge(self, subject: UUID) -> Purged:
        """Clear what the destroyed key does not close. Doing it again finds nothing."""
        ...


class Erasing:
    """Carries out one tenant's approved erasures. Cut short, the next pass goes on: each step may be repeated."""

    def __init__(self, log: Log, remains: Remains) -> None:
        self._log = log
        self._remains = remains
        self._gone: dict[UUID, tuple[datetime, int]] = {}
        """Whose key is destroyed: since when, and the log's last position just after."""

    def advance(self) -> int:
        """How many erasures were finished."""
        return sum(self._finish(subject) for subject in self._remains.approved())

    def _finish(self, subject: UUID) -> bool:
        stream = f"{privacy.name}/{subject}"
        facts = list(self._log.stream(stream))
        # The view is a hint. Only the log says that two people agreed and that nothing is held.
        state = privacy.fold(each.fact for each in facts)
        if not state.due:
            return False
        if subject not in self._gone:
            self._gone[subject] = self._remains.erase(subject), self._log.head()[1]
        erased_at, position = self._gone[subject]
        if not self._remains.level(position):
            # A pass that opened a value before the key was gone may still be writing its tokens.
            return False
        purged = self._remains.purge(subject)
        certified = ErasureCertified(
            erased_at, position, purged.events, purged.tokens, purged.snapshots, purged.reservations
        )
        meta = kernel.Meta(
            event=uuid4(), actor=Actor("system", SYSTEM), permission=PERMISSION, causation=facts[-1].meta.event
        )
        try:
            self._log.submit(stream, len(facts), domain.certify(state, certified), meta).result(WAIT)
        except Conflict:
            return False
        del self._gone[subject]
        return True

"""What is kept or forgotten of one subject: an erasure, and the legal holds that stand in its way.

All of it is one stream per subject, so a hold on a subject and an erasure cannot pass each other by: whichever is
recorded first refuses the other. Each takes two: who asked is recorded with the fact and cannot be who agrees. The
organisation has such a stream under its own identifier: there stand the holds on parts of the record, and the floor.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace

from domain.kernel import Decider, Fact, Recorded, Refused
from domain.privacy import consent
from domain.privacy import floor as floors
from domain.privacy import hold as holding
from domain.privacy.consent import ConsentFacts, ConsentGiven, Consents, ConsentWithdrawn
from domain.privacy.erasure import (
    AccessExported,
    ErasureApproved,
    ErasureBegun,
    ErasureCertified,
    ErasureFacts,
    ErasureHalted,
    ErasureRequested,
    ErasureWithdrawn,
)
from domain.privacy.floor import DUE, Floor, FloorFacts, FloorProposed, FloorSet
from domain.privacy.hold import (
    HoldDropped,
    HoldFacts,
    HoldLifted,
    HoldPlaced,
    HoldProposed,
    Holds,
    LiftProposed,
    must_be_another,
)

Facts = ErasureFacts | HoldFacts | FloorFacts | ConsentFacts | AccessExported


class Standing(Struct, frozen=True):
    """What forbids to erase a subject beside what their own stream says."""

    matters: tuple[str, ...] = ()
    """Of the organisation's holds that cover something about them."""
    floor: datetime | None = None
    """Until when what was recorded of them is to stay; None where that time is over."""
    refusal: str = ""
    """The code of what forbids it for as long as the identifier is what it is now: it is no person's, say."""


class Privacy(Struct, frozen=True):
    requested: ErasureRequested | None = None
    approved_by: UUID | None = None
    begun: ErasureBegun | None = None
    certified: ErasureCertified | None = None
    holds: Holds = field(default_factory=dict)
    consents: Consents = field(default_factory=dict)
    floor: Floor = Floor()
    """Of an organisation alone."""

    @property
    def due(self) -> bool:
        """Whether the erasure is to be carried out, or finished."""
        return self.approved_by is not None and self.certified is None


def evolve(privacy: Privacy, fact: Facts) -> Privacy:
    match fact:
        case AccessExported():
            return privacy
        case HoldProposed() | HoldPlaced() | HoldDropped() | LiftProposed() | HoldLifted():
            return replace(privacy, holds=holding.held(privacy.holds, fact))
        case ConsentGiven() | ConsentWithdrawn():
            return replace(privacy, consents=consent.said(privacy.consents, fact))
        case FloorProposed() | FloorSet():
            return replace(privacy, floor=floors.moved(privacy.floor, fact))
        case _:
            return _erasure(privacy, fact)


def _erasure(privacy: Privacy, fact: ErasureFacts) -> Privacy:
    match fact:
        case ErasureRequested():
            return replace(privacy, requested=fact)
        case ErasureWithdrawn():
            return replace(privacy, requested=None)
        case ErasureApproved(by=by):
            return replace(privacy, approved_by=by)
        case ErasureBegun():
            return replace(privacy, begun=fact)
        case ErasureHalted():
            return replace(privacy, approved_by=None, begun=None)
        case ErasureCertified():
            return replace(privacy, certified=fact)


def standing(organisation: Privacy, about: Iterable[Recorded], now: datetime) -> Standing:
    """What an organisation's holds and its floor say of a subject, from everything that was recorded about them."""
    known = list(about)
    matters = [
        matter
        for matter, hold in holding.placed(organisation.holds).items()
        if (scope := hold.proposed.scope) is None or any(map(scope.covers, known))
    ]
    kept = [each.at for each in known if each.capability not in _APART]
    until = max(kept) + organisation.floor.time if kept else now
    return Standing(tuple(sorted(matters)), until if until > now else None)


_APART = ("privacy", "audit")
"""Capabilities whose events do not prolong the floor: the request to erase, and that somebody looked."""


def request(privacy: Privacy, wanted: ErasureRequested, against: Standing) -> list[Fact]:
    _must_not_be_erased(privacy)
    _must_not_stay(privacy, wanted, against)
    if privacy.requested not in (None, wanted):
        raise Refused("privacy.requested")
    return [] if privacy.requested else [wanted]


def withdraw(privacy: Privacy, by: UUID) -> list[Fact]:
    _must_not_be_approved(privacy)
    return [ErasureWithdrawn(by)] if privacy.requested else []


def approve(privacy: Privacy, by: UUID, against: Standing) -> list[Fact]:
    if privacy.requested is None:
        raise Refused("privacy.unknown")
    if privacy.approved_by:
        return []
    must_be_another(by, privacy.requested.by)
    _must_not_stay(privacy, privacy.requested, against)
    return [ErasureApproved(by)]


def begin(privacy: Privacy, begun: ErasureBegun) -> list[Fact]:
    return [begun] if privacy.due and not privacy.begun else []


def certify(privacy: Privacy, certified: ErasureCertified) -> list[Fact]:
    return [certified] if privacy.due else []


def halt(privacy: Privacy, against: Standing) -> list[Fact]:
    """What forbids an erasure that is due, found before the key goes. Nothing, where nothing does."""
    matters, floor = _forbids(privacy, privacy.requested, against)
    return [ErasureHalted(matters, floor)] if privacy.due and (matters or floor) else []


def propose_hold(privacy: Privacy, proposed: HoldProposed) -> list[Fact]:
    _must_not_be_approved(privacy)
    return holding.propose(privacy.holds, proposed)


def place_hold(privacy: Privacy, by: UUID, matter: str) -> list[Fact]:
    _must_not_be_approved(privacy)
    return holding.place(privacy.holds, by, matter)


def _forbids(
    privacy: Privacy, wanted: ErasureRequested | None, against: Standing
) -> tuple[tuple[str, ...], datetime | None]:
    matters = {*holding.placed(privacy.holds), *against.matters}
    return tuple(sorted(matters)), None if wanted and wanted.basis in DUE else against.floor


def _must_not_stay(privacy: Privacy, wanted: ErasureRequested, against: Standing) -> None:
    if against.refusal:
        raise Refused(against.refusal)
    matters, floor = _forbids(privacy, wanted, against)
    if matters:
        raise Refused("privacy.held", matters=list(matters))
    if floor:
        raise Refused("privacy.floor", until=floor.isoformat())


def _must_not_be_approved(privacy: Privacy) -> None:
    _must_not_be_erased(privacy)
    if privacy.approved_by:
        raise Refused("privacy.approved")


def _must_not_be_erased(privacy: Privacy) -> None:
    if privacy.certified:
        raise Refused("subject.erased")


privacy = Decider("privacy", Facts, Privacy(), evolve)

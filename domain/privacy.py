"""What is kept or forgotten of one subject: an erasure, and the legal holds that stand in its way.

All of it is one stream per subject, so a hold and an erasure cannot pass each other by: whichever is recorded first
refuses the other. Each takes two: who asked is recorded with the fact and cannot be who agrees.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace

from domain.kernel import Decider, Fact, Personal, Refused


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


class HoldProposed(Fact, frozen=True, tag="privacy.hold-proposed"):
    by: UUID
    matter: str
    until: datetime | None = None
    """When it is expected to end; it stands until two people lift it."""


class HoldPlaced(Fact, frozen=True, tag="privacy.hold-placed"):
    by: UUID
    matter: str


class HoldDropped(Fact, frozen=True, tag="privacy.hold-dropped"):
    """A hold that was only proposed."""

    by: UUID
    matter: str


class LiftProposed(Fact, frozen=True, tag="privacy.lift-proposed"):
    by: UUID
    matter: str


class HoldLifted(Fact, frozen=True, tag="privacy.hold-lifted"):
    by: UUID
    matter: str


ErasureFacts = ErasureRequested | ErasureWithdrawn | ErasureApproved | ErasureBegun | ErasureCertified
HoldFacts = HoldProposed | HoldPlaced | HoldDropped | LiftProposed | HoldLifted
Facts = ErasureFacts | HoldFacts | AccessExported


class Hold(Struct, frozen=True):
    proposed: HoldProposed
    placed_by: UUID | None = None
    lift_by: UUID | None = None
    """Who wants it lifted."""


class Privacy(Struct, frozen=True):
    requested: ErasureRequested | None = None
    approved_by: UUID | None = None
    begun: ErasureBegun | None = None
    certified: ErasureCertified | None = None
    holds: Mapping[str, Hold] = field(default_factory=dict)
    """By matter; those that were dropped or lifted are gone."""

    @property
    def due(self) -> bool:
        """Whether the erasure is to be carried out, or finished."""
        return self.approved_by is not None and self.certified is None


def evolve(privacy: Privacy, fact: Facts) -> Privacy:
    match fact:
        case AccessExported():
            return privacy
        case HoldProposed() | HoldPlaced() | HoldDropped() | LiftProposed() | HoldLifted():
            return replace(privacy, holds=_holds(privacy.holds, fact))
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
        case ErasureCertified():
            return replace(privacy, certified=fact)


def _holds(holds: Mapping[str, Hold], fact: HoldFacts) -> dict[str, Hold]:
    match fact:
        case HoldProposed(matter=matter):
            return {**holds, matter: Hold(fact)}
        case HoldPlaced(by=by, matter=matter):
            return _changed(holds, matter, placed_by=by)
        case LiftProposed(by=by, matter=matter):
            return _changed(holds, matter, lift_by=by)
        case HoldDropped(matter=matter) | HoldLifted(matter=matter):
            return {name: hold for name, hold in holds.items() if name != matter}


def _changed(holds: Mapping[str, Hold], matter: str, **what: UUID) -> dict[str, Hold]:
    return {name: replace(hold, **what) if name == matter else hold for name, hold in holds.items()}


def request(privacy: Privacy, by: UUID, basis: str, reference: str, reason: str) -> list[Fact]:
    _must_not_be_erased(privacy)
    _must_not_be_held(privacy)
    wanted = ErasureRequested(by, basis, reference, reason)
    if privacy.requested not in (None, wanted):
        raise Refused("privacy.requested")
    return [] if privacy.requested else [wanted]


def withdraw(privacy: Privacy, by: UUID) -> list[Fact]:
    _must_not_be_approved(privacy)
    return [ErasureWithdrawn(by)] if privacy.requested else []


def approve(privacy: Privacy, by: UUID) -> list[Fact]:
    if privacy.requested is None:
        raise Refused("privacy.unknown")
    if privacy.approved_by:
        return []
    _must_be_another(by, privacy.requested.by)
    _must_not_be_held(privacy)
    return [ErasureApproved(by)]


def begin(privacy: Privacy, begun: ErasureBegun) -> list[Fact]:
    return [begun] if privacy.due and not privacy.begun else []


def certify(privacy: Privacy, certified: ErasureCertified) -> list[Fact]:
    return [certified] if privacy.due else []


def propose_hold(privacy: Privacy, by: UUID, matter: str, until: datetime | None) -> list[Fact]:
    _must_not_be_approved(privacy)
    known = privacy.holds.get(matter)
    if known and known.proposed.until != until:
        raise Refused("privacy.hold-exists", matter=matter)
    return [] if known else [HoldProposed(by, matter, until)]


def place_hold(privacy: Privacy, by: UUID, matter: str) -> list[Fact]:
    _must_not_be_approved(privacy)
    hold = _hold(privacy, matter)
    if hold.placed_by:
        return []
    _must_be_another(by, hold.proposed.by)
    return [HoldPlaced(by, matter)]


def drop_hold(privacy: Privacy, by: UUID, matter: str) -> list[Fact]:
    """Take back a proposal: what was never placed needs nobody else to go."""
    if matter not in privacy.holds:
        return []
    if privacy.holds[matter].placed_by:
        raise Refused("privacy.held", matters=[matter])
    return [HoldDropped(by, matter)]


def propose_lift(privacy: Privacy, by: UUID, matter: str) -> list[Fact]:
    hold = _placed(privacy, matter)
    return [] if hold.lift_by else [LiftProposed(by, matter)]


def lift_hold(privacy: Privacy, by: UUID, matter: str) -> list[Fact]:
    hold = _placed(privacy, matter)
    if hold.lift_by is None:
        raise Refused("privacy.lift-unknown", matter=matter)
    _must_be_another(by, hold.lift_by)
    return [HoldLifted(by, matter)]


def _hold(privacy: Privacy, matter: str) -> Hold:
    if matter not in privacy.holds:
        raise Refused("privacy.hold-unknown", matter=matter)
    return privacy.holds[matter]


def _placed(privacy: Privacy, matter: str) -> Hold:
    hold = _hold(privacy, matter)
    if hold.placed_by is None:
        raise Refused("privacy.hold-unknown", matter=matter)
    return hold


def _must_be_another(by: UUID, first: UUID) -> None:
    if by == first:
        raise Refused("privacy.four-eyes")


def _must_not_be_held(privacy: Privacy) -> None:
    if matters := sorted(name for name, hold in privacy.holds.items() if hold.placed_by):
        raise Refused("privacy.held", matters=matters)


def _must_not_be_approved(privacy: Privacy) -> None:
    _must_not_be_erased(privacy)
    if privacy.approved_by:
        raise Refused("privacy.approved")


def _must_not_be_erased(privacy: Privacy) -> None:
    if privacy.certified:
        raise Refused("subject.erased")


privacy = Decider("privacy", Facts, Privacy(), evolve)

"""Legal holds: on a subject, or on whatever of an organisation's record a scope covers. Each takes two."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Recorded, Refused


class Scope(Struct, frozen=True, omit_defaults=True):
    """A part of the record: the events that fit everything it names."""

    resource: str = ""
    """A stream, such as `prospects/<uuid>`."""
    since: datetime | None = None
    before: datetime | None = None
    """By the time of recording, this one excluded."""
    capability: str = ""
    type: str = ""
    """Such as `prospects.won`."""
    actor: UUID | None = None

    def covers(self, recorded: Recorded) -> bool:
        return (
            self.resource in ("", recorded.stream)
            and self.capability in ("", recorded.capability)
            and self.type in ("", recorded.type)
            and self.actor in (None, recorded.meta.actor.id)
            and (self.since is None or recorded.at >= self.since)
            and (self.before is None or recorded.at < self.before)
        )


class HoldProposed(Fact, frozen=True, tag="privacy.hold-proposed"):
    by: UUID
    matter: str
    until: datetime | None = None
    """When it is expected to end; it stands until two people lift it."""
    scope: Scope | None = None
    """Of a hold on the organisation: what it is on; everything where it is None. A subject's own has none."""


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


HoldFacts = HoldProposed | HoldPlaced | HoldDropped | LiftProposed | HoldLifted


class Hold(Struct, frozen=True):
    proposed: HoldProposed
    placed_by: UUID | None = None
    lift_by: UUID | None = None
    """Who wants it lifted."""


Holds = Mapping[str, Hold]
"""By matter; those that were dropped or lifted are gone."""


def held(holds: Holds, fact: HoldFacts) -> dict[str, Hold]:
    match fact:
        case HoldProposed(matter=matter):
            return {**holds, matter: Hold(fact)}
        case HoldPlaced(by=by, matter=matter):
            return _changed(holds, matter, placed_by=by)
        case LiftProposed(by=by, matter=matter):
            return _changed(holds, matter, lift_by=by)
        case HoldDropped(matter=matter) | HoldLifted(matter=matter):
            return {name: hold for name, hold in holds.items() if name != matter}


def _changed(holds: Holds, matter: str, **what: UUID) -> dict[str, Hold]:
    return {name: replace(hold, **what) if name == matter else hold for name, hold in holds.items()}


def placed(holds: Holds) -> dict[str, Hold]:
    """Those that two people agreed on."""
    return {matter: hold for matter, hold in holds.items() if hold.placed_by}


def propose(holds: Holds, proposed: HoldProposed) -> list[Fact]:
    known = holds.get(proposed.matter)
    if known and (known.proposed.until, known.proposed.scope) != (proposed.until, proposed.scope):
        raise Refused("privacy.hold-exists", matter=proposed.matter)
    return [] if known else [proposed]


def place(holds: Holds, by: UUID, matter: str) -> list[Fact]:
    hold = _hold(holds, matter)
    if hold.placed_by:
        return []
    must_be_another(by, hold.proposed.by)
    return [HoldPlaced(by, matter)]


def drop(holds: Holds, by: UUID, matter: str) -> list[Fact]:
    """Take back a proposal: what was never placed needs nobody else to go."""
    if matter not in holds:
        return []
    if holds[matter].placed_by:
        raise Refused("privacy.held", matters=[matter])
    return [HoldDropped(by, matter)]


def propose_lift(holds: Holds, by: UUID, matter: str) -> list[Fact]:
    return [] if _placed(holds, matter).lift_by else [LiftProposed(by, matter)]


def lift(holds: Holds, by: UUID, matter: str) -> list[Fact]:
    hold = _placed(holds, matter)
    if hold.lift_by is None:
        raise Refused("privacy.lift-unknown", matter=matter)
    must_be_another(by, hold.lift_by)
    return [HoldLifted(by, matter)]


def must_be_another(by: UUID, first: UUID) -> None:
    if by == first:
        raise Refused("privacy.four-eyes")


def _hold(holds: Holds, matter: str) -> Hold:
    if matter not in holds:
        raise Refused("privacy.hold-unknown", matter=matter)
    return holds[matter]


def _placed(holds: Holds, matter: str) -> Hold:
    hold = _hold(holds, matter)
    if hold.placed_by is None:
        raise Refused("privacy.hold-unknown", matter=matter)
    return hold

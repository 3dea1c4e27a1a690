"""The retention floor: how long an organisation's record of a person stays, at least. Changing it takes two."""

from datetime import timedelta
from uuid import UUID

from msgspec import Struct

from domain.kernel import Fact, Refused
from domain.privacy.hold import must_be_another

DUE = frozenset({"unlawful-processing", "legal-obligation"})
"""The cases of article 17(1) that no floor stands against: what should never have been kept, or must go by law."""


class FloorProposed(Fact, frozen=True, tag="privacy.floor-proposed"):
    by: UUID
    days: int


class FloorSet(Fact, frozen=True, tag="privacy.floor-set"):
    by: UUID
    days: int


FloorFacts = FloorProposed | FloorSet


class Floor(Struct, frozen=True):
    days: int = 0
    """After its last event; 0 is none."""
    proposed: FloorProposed | None = None
    """Another one, that waits for another's word."""

    @property
    def time(self) -> timedelta:
        return timedelta(days=self.days)


def moved(floor: Floor, fact: FloorFacts) -> Floor:
    return Floor(fact.days) if isinstance(fact, FloorSet) else Floor(floor.days, fact)


def propose_floor(floor: Floor, by: UUID, days: int) -> list[Fact]:
    if days == (floor.proposed.days if floor.proposed else floor.days):
        return []
    return [FloorProposed(by, days)]


def approve_floor(floor: Floor, by: UUID, days: int) -> list[Fact]:
    if days == floor.days and floor.proposed is None:
        return []
    if floor.proposed is None or floor.proposed.days != days:
        raise Refused("privacy.floor-unknown", days=days)
    must_be_another(by, floor.proposed.by)
    return [FloorSet(by, days)]

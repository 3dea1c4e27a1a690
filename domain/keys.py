"""What became of an organisation's keys: which key service they lie under."""

from msgspec import Struct

from domain.kernel import Decider, Fact


class Moved(Fact, frozen=True, tag="keys.moved"):
    """The tenant keys were wrapped by another key service, and what they had lain under was destroyed."""

    service: str
    """As its setting names it, without where a credential lies; `installation` for the installation's own."""
    keys: int


Facts = Moved


class Custody(Struct, frozen=True):
    service: str = ""


def evolve(_: Custody, fact: Facts) -> Custody:
    return Custody(fact.service)


def move(custody: Custody, service: str, keys: int) -> list[Fact]:
    """Nothing where nothing was left to move; what was cut short and is finished later is told each time."""
    return [Moved(service, keys)] if keys or custody.service != service else []


keys = Decider("keys", Facts, Custody(), evolve)

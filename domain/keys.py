"""What became of an organisation's keys: where they lie, who used them, and which were destroyed for good."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Decider, Fact


class Moved(Fact, frozen=True, tag="keys.moved"):
    """The tenant keys were wrapped by another key service, and what they had lain under was destroyed."""

    service: str
    """As its setting names it, without where a credential lies; `installation` for the installation's own."""
    keys: int


class RotationAsked(Fact, frozen=True, tag="keys.rotation-asked"):
    """A new tenant key is wanted before the time of the last is over."""


class Rotated(Fact, frozen=True, tag="keys.rotated"):
    """A new tenant key, and every live subject key wrapped under it."""

    epoch: int
    subjects: int


class Expired(Fact, frozen=True, tag="keys.expired"):
    """An old tenant key was destroyed: nothing that was ever wrapped under it opens again, in no copy and no backup."""

    epoch: int


class Use(Struct, frozen=True):
    """A process of the product that had tenant keys opened by the key service, and held them in memory since."""

    program: str
    """Which of the product's it is: `api`, `worker`, or `everlog` for a command at a terminal."""
    process: UUID
    """Its own, drawn anew at each start."""
    own: bool
    """Whether the service was the organisation's own, and not the installation's."""
    since: datetime
    until: datetime
    """When it asked first and last; what was asked within ten minutes of a call is counted with the next."""
    opened: int
    """Keys, each as often as it was opened."""
    refused: int
    """How often the service refused."""


class Used(Fact, frozen=True, tag="keys.used"):
    """Who had the tenant keys opened, told about once an hour, and stands in a stream of its own."""

    uses: tuple[Use, ...]


Facts = Moved | RotationAsked | Rotated | Expired | Used


class Custody(Struct, frozen=True):
    service: str = ""
    asked: bool = False
    """Whether a rotation is wanted that was not done yet."""


def evolve(custody: Custody, fact: Facts) -> Custody:
    match fact:
        case Moved(service=service):
            return replace(custody, service=service)
        case RotationAsked() | Rotated():
            return replace(custody, asked=isinstance(fact, RotationAsked))
        case Expired() | Used():
            return custody


def move(custody: Custody, service: str, keys: int) -> list[Fact]:
    """Nothing where nothing was left to move; what was cut short and is finished later is told each time."""
    return [Moved(service, keys)] if keys or custody.service != service else []


def ask_rotation(custody: Custody) -> list[Fact]:
    return [] if custody.asked else [RotationAsked()]


def rotate(_: Custody, epoch: int, subjects: int, *, begun: bool) -> list[Fact]:
    """`begun` says whether the epoch is a new one."""
    return [Rotated(epoch, subjects)] if subjects or begun else []


def expire(_: Custody, epochs: Iterable[int]) -> list[Fact]:
    return [Expired(each) for each in epochs]


keys = Decider("keys", Facts, Custody(), evolve)

"""What was found of an organisation's record, by a look at all of it or by witnesses: a stream of its own id."""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Decider, Fact


class Fault(Struct, frozen=True):
    """What was found of one kind."""

    kind: str
    count: int
    position: int | None = None
    """The first place of it in the log, where one can be told."""
    view: str | None = None


class Checked(Fact, frozen=True, tag="proofs.checked"):
    at: datetime
    """When the look began."""
    seconds: float
    sound: bool
    generation: int
    events: int
    sealed: int
    subjects: int
    views: tuple[str, ...]
    folded: bool
    """Whether the read models were compared with a fold of the log, or with their digests alone."""
    predictions: int
    faults: tuple[Fault, ...]


class Disputed(Fact, frozen=True, tag="proofs.disputed"):
    """A witness remembers another history than the log shows."""

    witness: str
    why: str


class Agreed(Fact, frozen=True, tag="proofs.agreed"):
    """It cosigned again."""

    witness: str


Facts = Checked | Disputed | Agreed


class Proofs(Struct, frozen=True):
    checked: Checked | None = None
    disputed: dict[str, Disputed] = {}
    """By witness, while that stands."""


def evolve(state: Proofs, fact: Facts) -> Proofs:
    match fact:
        case Checked():
            return replace(state, checked=fact)
        case Disputed(witness=witness):
            return replace(state, disputed={**state.disputed, witness: fact})
        case Agreed(witness=witness):
            return replace(state, disputed={name: each for name, each in state.disputed.items() if name != witness})


def dispute(state: Proofs, witness: str, why: str) -> list[Fact]:
    """Once, however often it says so and in whatever words."""
    return [] if witness in state.disputed else [Disputed(witness, why)]


def agree(state: Proofs, witness: str) -> list[Fact]:
    return [Agreed(witness)] if witness in state.disputed else []


proofs = Decider("proofs", Facts, Proofs(), evolve)

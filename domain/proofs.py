"""What was found when an organisation's whole record was looked at: a stream of the organisation's own id."""

from datetime import datetime

from msgspec import Struct

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


class Proofs(Struct, frozen=True):
    checked: Checked | None = None


def evolve(_: Proofs, fact: Checked) -> Proofs:
    return Proofs(fact)


proofs = Decider("proofs", Checked, Proofs(), evolve)

"""A log as a learner folds it: what it learns from is opened, a batch together."""

from collections.abc import Iterator
from uuid import UUID

from msgspec.structs import replace

from application.ports import Log
from domain.kernel import Recorded
from domain.prospects import Captured, Rectified, SignalObserved, prospects

BATCH = 500
TAUGHT = (Captured, Rectified, SignalObserved)


def opened(log: Log, upto: int, position: int = 0) -> Iterator[Recorded]:
    """A log as a learner folds it, behind one position and up to another."""
    while batch := log.read(position, BATCH, upto):
        yield from taught(log, batch)
        position = batch[-1].position


def own(log: Log, prospect: UUID) -> list[Recorded]:
    """A prospect's own facts, as a learner folds them."""
    return taught(log, list(log.stream(f"{prospects.name}/{prospect}")))


def taught(log: Log, batch: list[Recorded]) -> list[Recorded]:
    """The facts that are learned from, opened together; the others stay as they are."""
    facts = iter(log.open([each.fact for each in batch if isinstance(each.fact, TAUGHT)]))
    return [replace(each, fact=next(facts)) if isinstance(each.fact, TAUGHT) else each for each in batch]

"""Batches that follow each other: each is folded while the one before is being written.

A batch costs Python about as much as the database; taking turns, each waits for the other. So the rows that a batch
wants are loaded as they were last committed, outside the transaction that will write it. What the batch before has
changed of them is remembered, and the checkpoints are compared when they are locked: a batch whose forerunner was not
written, or was overtaken by another hand, is never written either.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, Future

from msgspec import Struct

from domain.kernel import Recorded
from projections.builds import Changes, Checkpoint, Unstorable
from projections.passes import Passes, advanced, load


class Writing(Struct):
    """A batch that is being written."""

    group: list[Checkpoint]
    """The checkpoints before it."""
    events: Sequence[Recorded]
    made: list[Changes]
    after: list[Checkpoint]
    done: Future[None]


class Overlap:
    """`run` is for one thread; the writing is done in another. At most one batch is being written."""

    def __init__(self, passes: Passes, threads: Executor) -> None:
        self._passes = passes
        self._threads = threads
        self._writing: Writing | None = None

    def run(
        self, group: list[Checkpoint], batches: Iterable[Sequence[Recorded]], generation: int
    ) -> tuple[int, list[Checkpoint]]:
        """How many events that were, and the checkpoints as they stand then: everything is written. Raises `Stale`."""
        applied = 0
        try:
            for events in batches:
                group = self._one(group, events, generation)
                applied += len(events)
            return applied, self._landed(group, generation)
        finally:
            self._abandon()

    def _one(self, group: list[Checkpoint], events: Sequence[Recorded], generation: int) -> list[Checkpoint]:
        if any(each.parked for each in group):
            # What is parked has to be looked at under the lock.
            return self._passes.apply(self._landed(group, generation), events, generation)
        try:
            made, packed, after = self._folded(group, events, generation)
        except Unstorable:
            return self._passes.apply(self._landed(group, generation), events, generation)
        landed = self._landed(group, generation)
        if landed != group:
            # The batch before could only be written in parts, and what was folded since rests on the whole of it.
            return self._passes.apply(landed, events, generation)
        done = self._threads.submit(self._passes.store.write, group, packed, after)
        self._writing = Writing(group, events, made, after, done)
        return after

    def _folded(
        self, group: list[Checkpoint], events: Sequence[Recorded], generation: int
    ) -> tuple[list[Changes], list[object], list[Checkpoint]]:
        passes, store = self._passes, self._passes.store
        folds = [passes.fold(each) for each in group]
        loaded = load(store, passes.prepare(group, events))
        made = [fold.run(next(loaded), ()) for fold in folds]
        packed = [store.pack(fold.build, changes) for fold, changes in zip(folds, made, strict=True)]
        after = [advanced(*each, generation, events[-1]) for each in zip(group, made, strict=True)]
        for fold, each in zip(folds, after, strict=True):
            fold.kept(each)
        return made, packed, after

    def _landed(self, group: list[Checkpoint], generation: int) -> list[Checkpoint]:
        """Wait for what is being written; the checkpoints as they stand then: others than `group` where it was refused.

        Raises `Stale`.
        """
        writing, self._writing = self._writing, None
        if writing is None:
            return group
        try:
            writing.done.result()
        except Unstorable:
            self._passes.rest()
            return self._passes.apply(writing.group, writing.events, generation)
        self._passes.written(writing.group, writing.made, len(writing.events))
        return group

    def _abandon(self) -> None:
        """Something went wrong: wait for the other thread, whatever it says, and forget what was not written."""
        writing, self._writing = self._writing, None
        if writing:
            writing.done.exception()
            self._passes.rest()

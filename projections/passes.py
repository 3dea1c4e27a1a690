"""One batch applied to builds that stand at the same place: loaded, folded and written in one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from domain.kernel import Recorded
from projections.builds import (
    Build,
    Changes,
    Checkpoint,
    Difference,
    Key,
    Slot,
    Store,
    Unstorable,
    Wanted,
    Work,
    builds,
    mark,
)
from projections.digest import moved
from projections.fold import Fold
from projections.kernel import Aggregate, View
from projections.looks import Aside, Looks

Failed = Mapping[Key, dict[int, str]]
"""By build and position, why events are parked without being looked at."""


class Meter(Protocol):
    """What is measured. The tenant is no label: a metric of each would be many."""

    def applied(self, view: str, events: int) -> None: ...

    def parked(self, view: str, events: int) -> None:
        """So many more, or fewer (below 0) after a retry."""
        ...


class Silent:
    """Measures nothing."""

    def applied(self, view: str, events: int) -> None: ...

    def parked(self, view: str, events: int) -> None: ...


class Passes:
    """What one tenant's views have in common: their store, their folds, and how a batch is applied."""

    def __init__(
        self, store: Store, models: Iterable[View[Any] | Aggregate[Any]], meter: Meter, aside: Aside | None = None
    ) -> None:
        self.store = store
        self.meter = meter
        self.looks = Looks(aside)
        self.declared = {(each.view.name, each.view.version): each for each in builds(models)}
        self.wrong: set[Checkpoint] = set()
        """Copies whose rows were found to be other than what was folded; readers never get to see them."""
        self.found: dict[str, list[Difference]] = {}
        """By view, what the last repair found wrong in the copy it replaced."""
        self._folds: dict[Key, Fold] = {}
        self._live: dict[tuple[str, int], Slot] | None = None

    def build(self, checkpoint: Checkpoint) -> Build:
        return self.fold(checkpoint).build

    def fold(self, checkpoint: Checkpoint) -> Fold:
        key = checkpoint.key
        if key not in self._folds:
            declared = self.declared[checkpoint.view, checkpoint.version]
            self._folds[key] = Fold(replace(declared, slot=checkpoint.slot))
        return self._folds[key]

    def rest(self) -> None:
        """Nothing is going on: let go of the rows that are remembered from batch to batch."""
        for fold in self._folds.values():
            fold.forget()

    def live(self, *, again: bool = False) -> dict[tuple[str, int], Slot]:
        """Which slot readers read, by view and version, as it was when last looked."""
        if self._live is None or again:
            self._live = self.store.live()
        return self._live

    def apply(
        self, group: Sequence[Checkpoint], events: Sequence[Recorded], generation: int, failed: Failed | None = None
    ) -> list[Checkpoint]:
        """The checkpoints as they stand then. Raises `Stale`, with nothing done.

        A batch that the store refuses is halved until the one event is found, which is parked; so a batch may be
        committed in parts.
        """
        try:
            return self._commit(group, events, generation, failed or {})
        except Unstorable as refused:
            key = refused.build.view.name, refused.build.view.version, refused.build.slot
            if len(events) > 1:
                half = len(events) // 2
                return self.apply(self.apply(group, events[:half], generation), events[half:], generation)
            if not events or (failed and key in failed):
                raise
            return self.apply(group, events, generation, {**(failed or {}), key: {events[0].position: refused.why}})

    def prepare(
        self, group: Sequence[Checkpoint], events: Sequence[Recorded], failed: Failed | None = None
    ) -> list[list[Wanted]]:
        """Which rows each build wants loaded."""
        parked = failed or {}
        return [self.fold(each).prepare(events, parked.get(each.key, {}), each) for each in group]

    def written(self, group: Sequence[Checkpoint], made: Sequence[Changes], events: int) -> None:
        """A batch is in the store: count it."""
        for each, changes in zip(group, made, strict=True):
            self.meter.applied(each.view, events)
            if changes.parked:
                self.meter.parked(each.view, len(changes.parked))

    def _commit(
        self, group: Sequence[Checkpoint], events: Sequence[Recorded], generation: int, failed: Failed
    ) -> list[Checkpoint]:
        folds = [self.fold(each) for each in group]
        wanted = self.prepare(group, events, failed)
        made: list[Changes] = []
        with self.store.work() as work:
            work.lock(group)
            loaded = load(work, wanted)
            for fold, each in zip(folds, group, strict=True):
                changes = fold.run(next(loaded), work.parked(fold.build) if each.parked else ())
                work.write(fold.build, self.store.pack(fold.build, changes))
                made.append(changes)
            last = events[-1] if events else None
            after = [advanced(*each, generation, last) for each in zip(group, made, strict=True)]
            work.advance(after)
        for fold, each in zip(folds, after, strict=True):
            fold.kept(each)
        self.written(group, made, len(events))
        return after


def load(source: Work | Store, wanted: Sequence[Sequence[Wanted]]) -> Iterator[list[list[Any]]]:
    """What each build wants, loaded together."""
    loaded = iter(source.load([each for wants in wanted for each in wants]))
    return ([next(loaded) for _ in wants] for wants in wanted)


def advanced(checkpoint: Checkpoint, changes: Changes, generation: int, last: Recorded | None) -> Checkpoint:
    """A checkpoint after a batch up to `last`; None where there was nothing but a new generation."""
    after = replace(
        checkpoint,
        generation=generation,
        digest=moved(checkpoint.digest, changes.digest),
        rows=checkpoint.rows + changes.rows,
        parked=checkpoint.parked + len(changes.parked),
    )
    return after if last is None else replace(after, position=last.position, mark=mark(last), at=last.at)

"""A view folded once more from the log alone: what its rows and sums have to be."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, MutableMapping, Sequence
from operator import attrgetter
from typing import Any

from domain.kernel import Recorded
from projections.builds import Build, Changes, Parked, Wanted
from projections.fold import Fold
from projections.words import Words

_BATCH = 500


class Afresh:
    """`rows` is where they are put, empty at first; memory holds besides what they are found by, and the sums."""

    def __init__(
        self,
        build: Build,
        rows: MutableMapping[Hashable, Any],
        heard: Callable[[Sequence[tuple[int, Words]]], object] | None = None,
    ) -> None:
        """`heard` is told the words of each event, by its position."""
        self.rows = rows
        self.sums: dict[str, dict[tuple[Any, ...], int]] = {each.name: defaultdict(int) for each in build.aggregates}
        """By the aggregate's name; the changes by day and group."""
        self.parked: list[Parked] = []
        self._key = attrgetter(build.view.key)
        self._fold = Fold(build)
        self._heard = heard
        self._columns: dict[str, dict[Hashable, set[Hashable]]] = {}

    def add(self, events: list[Recorded]) -> None:
        """Apply what comes next in the log."""
        for start in range(0, len(events), _BATCH):
            wanted = self._fold.prepare(events[start : start + _BATCH], {})
            self._take(self._fold.run([list(self._found(each)) for each in wanted], self.parked))

    def _found(self, wanted: Wanted) -> Iterator[Any]:
        if wanted.column == self._fold.build.view.key:
            return (self.rows[value] for value in wanted.values if value in self.rows)
        if wanted.column not in self._columns:
            self._columns[wanted.column] = defaultdict(set)
            self._enter(wanted.column, self.rows.values())
        index = self._columns[wanted.column]
        return (self.rows[key] for value in wanted.values for key in index.get(value, ()))

    def _enter(self, column: str, rows: Iterable[Any]) -> None:
        for row in rows:
            self._columns[column][getattr(row, column)].add(self._key(row))

    def _take(self, changes: Changes) -> None:
        gone = [self.rows.pop(key) for key in [*changes.gone, *map(self._key, changes.changed)]]
        for column, index in self._columns.items():
            for row in gone:
                index[getattr(row, column)].discard(self._key(row))
            self._enter(column, [*changes.new, *changes.changed])
        self.rows.update((self._key(row), row) for row in [*changes.new, *changes.changed])
        for name, moves in changes.sums.items():
            for day, group, by in moves:
                self.sums[name][day, *group] += by
        self.parked += changes.parked
        if self._heard and changes.words:
            self._heard(changes.words)

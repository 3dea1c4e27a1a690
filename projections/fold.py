"""A batch folded into one build, in memory: the rows it touches are loaded before and written back after."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from operator import attrgetter
from pathlib import PurePath
from traceback import walk_tb
from typing import Any

from domain.kernel import Fact, Recorded, Unreadable
from projections.builds import Build, Change, Changes, Checkpoint, Parked, Unstorable, Wanted
from projections.digest import digester
from projections.kernel import Where
from projections.rows import Cell, Rows, spot
from projections.waiting import Waiting

Sums = dict[str, defaultdict[tuple[Any, ...], int]]


class Fold:
    """`prepare` a batch, load what it wants, `run`, write the changes, and say when they are `kept`.

    Rows of a batch need not be loaded again for the next: they are remembered while one checkpoint follows the other.
    So the next batch can be prepared, loaded and run while the changes of the last are still being written: what it
    loads is as it was before them, and what they touched is remembered.
    """

    def __init__(self, build: Build) -> None:
        self.build = build
        self._key = build.view.key
        self._digest = digester(build.view.row)
        self._kinds = _Kinds(build.view.types)
        self._tags = {kind.__struct_config__.tag for kind in build.view.types}
        self._batch: list[tuple[Recorded, Where, Hashable]] = []
        """Each event with the rows that it touches, and the spot of the value they are found by."""
        self._failed: dict[int, str] = {}
        self._known: dict[Hashable, Cell] = {}
        self._next: dict[Hashable, Cell] = {}
        self._at: Checkpoint | None = None

    def prepare(
        self, batch: Iterable[Recorded], failed: dict[int, str], checkpoint: Checkpoint | None = None
    ) -> list[Wanted]:
        """Say which rows to load. `failed` holds, by position, why events are to be parked unseen."""
        if checkpoint is None or checkpoint != self._at:
            self.forget()
        self._batch, self._failed = [], dict(failed)
        kinds, select, add = self._kinds, self.build.view.select, self._batch.append
        for recorded in batch:
            kind = type(recorded.fact)
            if not kinds[kind] or (kind is Unreadable and not self._takes(recorded)):
                continue
            if kind is Unreadable and recorded.position in self._failed:
                add((recorded, _NOWHERE, None))
                continue
            try:
                where = select(recorded)
            except Exception as error:  # noqa: BLE001 - whatever a view raises, its event is parked, not lost
                self._failed.setdefault(recorded.position, place(error))
                where = _NOWHERE
            if where is not None:
                add((recorded, where, spot(where.value)))
        return self._wanted()

    def run(self, loaded: Iterable[Sequence[Any]], parked: Sequence[Parked]) -> Changes:
        """What the prepared batch makes of the rows that were loaded."""
        rows = Rows(self._key, {where.column for _, where, _ in self._batch} - {""})
        # Until these changes are kept, nothing is remembered: the cells are about to change.
        known, self._known, self._at = self._known, {}, None
        rows.remember(known)
        for each in loaded:
            rows.load(each)
        changes, waiting = Changes(), Waiting(parked)
        sums: Sums = {each.name: defaultdict(int) for each in self.build.aggregates}
        failed, held, words = self._failed, bool(waiting), self.build.view.words
        for recorded, where, value in self._batch:
            if failed and (why := failed.get(recorded.position)):
                behind = None
            else:
                why, behind = self._apply(recorded, where, value, rows, waiting if held else None, sums)
            if why:
                changes.parked.append(waiting.add(recorded, where, why, behind))
                held = True
            elif words:
                changes.words.append((recorded.position, words(recorded)))
        self._settle(rows.cells, changes)
        for name, groups in sums.items():
            changes.sums[name] = [Change(each[0], each[1:], by) for each, by in groups.items() if by]
        return changes

    def kept(self, checkpoint: Checkpoint) -> None:
        """The changes are in the database, at this checkpoint."""
        self._known, self._next, self._at = self._next, {}, checkpoint

    def forget(self) -> None:
        """Rows will be loaded again: somebody else may have written, or nothing happens for a while."""
        self._known, self._next, self._at = {}, {}, None

    def _apply(
        self,
        recorded: Recorded,
        where: Where,
        value: Hashable,
        rows: Rows,
        waiting: Waiting | None,
        sums: Sums,
    ) -> tuple[str, int | None]:
        """Apply one event, or say why it must be parked and behind which."""
        cell, before = rows.touched(where.column, value)
        if waiting and (behind := waiting.behind(recorded, where, before)):
            return "waits", behind
        try:
            after = self.build.view.evolve(before, recorded)
            if waiting and (behind := waiting.behind(recorded, where, after)):
                return "waits", behind
            moves = self._moves(before, after) if sums else ()
            rows.replace(where.column, value, cell, before, after)
        except Exception as error:  # noqa: BLE001 - whatever a view raises, its event is parked, not lost
            return place(error), None
        if moves:
            day = recorded.at.date()
            for name, group, by in moves:
                sums[name][day, *group] += by
        return "", None

    def _moves(self, before: list[Any], after: list[Any]) -> list[tuple[str, tuple[Any, ...], int]]:
        moves: list[tuple[str, tuple[Any, ...], int]] = []
        for aggregate in self.build.aggregates:
            left = [aggregate.group(row) for row in before]
            entered = [aggregate.group(row) for row in after]
            if left != entered:
                moves += [(aggregate.name, group, -1) for group in left]
                moves += [(aggregate.name, group, 1) for group in entered]
        return moves

    def _settle(self, cells: dict[Hashable, Cell], changes: Changes) -> None:
        """Tell new, changed and gone rows apart, and what that does to the digest."""
        columns, self._next = _Columns(self.build.view.row.__struct_fields__), {}
        try:
            for key, cell in cells.items():
                if cell.now is not cell.stored and cell.now != cell.stored:
                    becomes = self._change(cell, changes, columns)
                    # A row that is gone is remembered too: until that is written, the store still has it.
                    self._next[key] = Cell(cell.now, cell.now, becomes)
                elif cell.digest is not None and cell.now is not None:
                    self._next[key] = cell
        except Exception as error:
            raise Unstorable(self.build, place(error)) from error
        changes.columns = columns.moved
        changes.rows = len(changes.new) - len(changes.gone)

    def _change(self, cell: Cell, changes: Changes, columns: "_Columns") -> int:
        """Enter one change; the digest of the row as it is now."""
        before, after = cell.stored, cell.now
        becomes = 0 if after is None else self._digest(after)
        was = 0 if before is None else self._digest(before) if cell.digest is None else cell.digest
        changes.digest += becomes - was
        if before is None:
            changes.new.append(after)
        elif after is None:
            changes.gone.append(getattr(before, self._key))
        else:
            changes.changed.append(after)
            columns.compare(before, after)
        return becomes

    def _takes(self, recorded: Recorded) -> bool:
        """Whether an event that nobody can read is this view's; it will be parked unless the view takes those too."""
        if self.build.view.unreadable:
            return True
        mine = None in self._tags or recorded.type in self._tags
        if mine:
            self._failed.setdefault(recorded.position, "Unreadable")
        return mine

    def _wanted(self) -> list[Wanted]:
        values: defaultdict[str, dict[Hashable, Hashable]] = defaultdict(dict)
        for _, where, value in self._batch:
            values[where.column][value] = where.value
        values.pop("", None)
        if keys := values.pop(self._key, None):
            known = self._known
            if missing := {value: each for value, each in keys.items() if value not in known}:
                values[self._key] = missing
            if values.keys() <= {self._key}:
                self._known = {value: known[value] for value in keys.keys() & known.keys()}
        return [Wanted(self.build, column, list(each.values())) for column, each in values.items()]


class _Columns:
    """In which columns rows have changed: those that no row has changed in yet are compared all at once."""

    def __init__(self, names: Iterable[str]) -> None:
        self.moved: set[str] = set()
        self._still = list(names)
        self._values = attrgetter(*self._still, self._still[0])

    def compare(self, before: Any, after: Any) -> None:
        if self._values(before) != self._values(after):
            moved = [name for name in self._still if getattr(before, name) != getattr(after, name)]
            self.moved.update(moved)
            self._still = [name for name in self._still if name not in moved]
            # With one name alone the getter would give no tuple, so the key, which never changes, stands twice.
            self._values = attrgetter(*self._still, self._still[0])


class _Kinds(dict[type[Fact], bool]):
    """Whether facts of a type are looked at; those that cannot be read are, to be told apart."""

    def __init__(self, types: tuple[type[Fact], ...]) -> None:
        super().__init__({Unreadable: True})
        self._types = types

    def __missing__(self, kind: type[Fact]) -> bool:
        self[kind] = concerned = issubclass(kind, self._types)
        return concerned


_NOWHERE = Where("", None)


def place(error: Exception) -> str:
    """What was raised and where. Not its message: that may quote what the event says of a person."""
    where = ""
    for frame, line in walk_tb(error.__traceback__):
        where = f" in {frame.f_code.co_name}, {PurePath(frame.f_code.co_filename).name}:{line}"
    return f"{type(error).__name__}{where}"

"""The rows a batch works on, found by key or by the value of a column, and what has become of them."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from operator import attrgetter
from typing import Any
from uuid import UUID

from msgspec import Struct


class Doubled(Exception):
    """A view made a second row of a key."""


class Cell(Struct, gc=False):
    """A key's row as the store has it and as it is now; None where there is none."""

    stored: Any
    now: Any
    digest: int | None = None
    """Of the stored row, where it is known."""


def spot(value: Hashable) -> Hashable:
    """What a value is found by: UUIDs hash in Python, ten times slower than the integers that they are."""
    return value.int if type(value) is UUID else value


class Rows:
    """Hashing a key costs as much as all the rest: a row that stays is found once, and changed in its cell.

    Everything is found by the `spot` of a value.
    """

    def __init__(self, key: str, columns: Iterable[str]) -> None:
        self.cells: dict[Hashable, Cell] = {}
        self._name = key
        self._key = attrgetter(key)
        self._by: dict[str, defaultdict[Hashable, dict[Hashable, None]]] = {
            column: defaultdict(dict) for column in columns if column != key
        }

    def load(self, rows: Iterable[Any]) -> None:
        """Take rows as the store has them; a row may come by several columns."""
        for row in rows:
            key = spot(self._key(row))
            if key not in self.cells:
                self._enter(key, Cell(row, row))

    def remember(self, cells: Mapping[Hashable, Cell]) -> None:
        """Take cells of the batch before, which hold what the store has, or is about to."""
        if not self._by:
            self.cells |= cells
            return
        for key, cell in cells.items():
            self._enter(key, cell)

    def touched(self, column: str, value: Hashable) -> tuple[Cell | None, list[Any]]:
        """The rows a fact touches, as they are now, in the order of their keys; and the cell, if it is found by key."""
        if column == self._name:
            cell = self.cells.get(value)
            return cell, [] if cell is None or cell.now is None else [cell.now]
        keys: Any = self._by[column].get(value, ())
        return None, [self.cells[key].now for key in (sorted(keys) if len(keys) > 1 else keys)]

    def replace(self, column: str, value: Hashable, cell: Cell | None, before: list[Any], after: list[Any]) -> None:
        """Put what became of the touched rows in their place. Raises `Doubled`, with nothing changed."""
        if not self._by and len(after) == 1 and column == self._name and spot(self._key(after[0])) == value:
            if cell is None:
                self.cells[value] = Cell(None, after[0])
            else:
                cell.now = after[0]
        elif before or after:
            self._replace(before, after)

    def _replace(self, before: list[Any], after: list[Any]) -> None:
        left, entered = [spot(self._key(row)) for row in before], [spot(self._key(row)) for row in after]
        if len(set(entered)) < len(entered) or any(self._stands(key) and key not in left for key in entered):
            raise Doubled
        for key, row in zip(left, before, strict=True):
            self.cells[key].now = None
            for column, keys in self._by.items():
                del keys[spot(getattr(row, column))][key]
        for key, row in zip(entered, after, strict=True):
            cell = self.cells.get(key) or Cell(None, None)
            cell.now = row
            self._enter(key, cell)

    def _stands(self, key: Hashable) -> bool:
        return key in self.cells and self.cells[key].now is not None

    def _enter(self, key: Hashable, cell: Cell) -> None:
        self.cells[key] = cell
        if cell.now is not None:
            for column, keys in self._by.items():
                keys[spot(getattr(cell.now, column))][key] = None

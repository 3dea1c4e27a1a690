"""The rows a batch works on, found by key or by the value of a column, and what has become of them."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from operator import attrgetter
from typing import Any

from msgspec import Struct

from projections.kernel import Where


class Doubled(Exception):
    """A view made a second row of a key."""


class Cell(Struct):
    """A key's row as the store has it and as it is now; None where there is none."""

    stored: Any
    now: Any
    digest: int | None = None
    """Of the stored row, where it is known."""


class Rows:
    """Hashing a key costs as much as all the rest: a row that stays is found once, and changed in its cell."""

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
            key = self._key(row)
            if key not in self.cells:
                self._enter(key, row, Cell(row, row))

    def remember(self, cells: dict[Hashable, Cell]) -> None:
        """Take cells of the batch before, which hold what the store has."""
        for key, cell in cells.items():
            self._enter(key, cell.now, cell)

    def touched(self, where: Where) -> tuple[Cell | None, list[Any]]:
        """The rows a fact touches, as they are now, in the order of their keys; and the cell, if it is found by key."""
        if where.column == self._name:
            cell = self.cells.get(where.value)
            return cell, [] if cell is None or cell.now is None else [cell.now]
        keys: Any = self._by[where.column].get(where.value, ())
        return None, [self.cells[key].now for key in sorted(keys)]

    def replace(self, where: Where, cell: Cell | None, before: list[Any], after: list[Any]) -> None:
        """Put what became of the touched rows in their place. Raises `Doubled`, with nothing changed."""
        if len(after) == 1 and where.column == self._name and not self._by and self._key(after[0]) == where.value:
            if cell is None:
                self.cells[where.value] = Cell(None, after[0])
            else:
                cell.now = after[0]
        elif before or after:
            self._replace(before, after)

    def _replace(self, before: list[Any], after: list[Any]) -> None:
        left, entered = [self._key(row) for row in before], [self._key(row) for row in after]
        if len(set(entered)) < len(entered) or any(self._stands(key) and key not in left for key in entered):
            raise Doubled
        for key, row in zip(left, before, strict=True):
            self.cells[key].now = None
            for column, keys in self._by.items():
                del keys[getattr(row, column)][key]
        for key, row in zip(entered, after, strict=True):
            cell = self.cells.get(key) or Cell(None, None)
            cell.now = row
            self._enter(key, row, cell)

    def _stands(self, key: Hashable) -> bool:
        return key in self.cells and self.cells[key].now is not None

    def _enter(self, key: Hashable, row: Any, cell: Cell) -> None:
        self.cells[key] = cell
        for column, keys in self._by.items():
            keys[getattr(row, column)][key] = None

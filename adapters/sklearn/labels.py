"""Labels kept for fits: growing arrays of numbers, of which a fit takes the first so many.

Appending goes on while a fit reads. A slice of an `array` is copied under the interpreter's lock, and what stands
before a label's end is never written again, so that a fit sees exactly the labels it was asked for.
"""

from array import array
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class Slice(NamedTuple):
    """The entries of some labels: entry i stands in row `rows[i]`, column `columns[i]`; row r ends at `ends[r]`."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float64]
    ends: NDArray[np.int64]

    @property
    def width(self) -> int:
        """Columns met so far; they are numbered by first appearance."""
        return int(self.columns.max(initial=-1)) + 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """In how many rows each column has an entry."""
        return np.bincount(self.columns, minlength=self.width)


class Dumped(Struct, frozen=True):
    """A table: names in the order of their columns, and its arrays as this machine has them."""

    names: list[str]
    columns: bytes
    values: bytes
    ends: bytes


class Table:
    """Rows of named numbers."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self._columns = array("q")
        self._values = array("d")
        self._ends = array("q")

    def append(self, row: Iterable[tuple[str, float]]) -> None:
        for name, value in row:
            self._columns.append(self.ids.setdefault(name, len(self.ids)))
            self._values.append(value)
        self._ends.append(len(self._columns))

    def first(self, rows: int) -> Slice:
        ends = np.array(self._ends[:rows], dtype=np.int64)
        size = int(ends[-1]) if rows else 0
        columns = np.array(self._columns[:size], dtype=np.int64)
        values = np.array(self._values[:size], dtype=np.float64)
        lengths = np.diff(ends, prepend=0)
        return Slice(np.repeat(np.arange(rows), lengths), columns, values, ends)

    def dump(self) -> Dumped:
        return Dumped(list(self.ids), self._columns.tobytes(), self._values.tobytes(), self._ends.tobytes())

    def load(self, dumped: Dumped) -> None:
        self.ids = {name: column for column, name in enumerate(dumped.names)}
        self._columns = array("q", dumped.columns)
        self._values = array("d", dumped.values)
        self._ends = array("q", dumped.ends)


class Outcomes:
    def __init__(self) -> None:
        self._won = array("b")

    def append(self, won: bool) -> None:  # noqa: FBT001 - a label is a truth value
        self._won.append(won)

    def first(self, rows: int) -> NDArray[np.int8] | None:
        """None where there is one outcome only: nothing can be fitted to that."""
        won = np.array(self._won[:rows], dtype=np.int8)
        return won if 0 < won.sum() < rows else None

    def dump(self) -> bytes:
        return self._won.tobytes()

    def load(self, dumped: bytes) -> None:
        self._won = array("b", dumped)

"""What waits: rows that a parked event would have touched are left alone until it is applied."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from domain.kernel import Recorded
from projections.builds import Parked
from projections.kernel import Where


class Waiting:
    """Who must wait behind whom.

    An event waits behind a parked one if it selects the same rows, if it touches or makes one that the parked one
    selects, or if it belongs to the stream of one of which nobody knows what it selects.
    """

    def __init__(self, parked: Sequence[Parked]) -> None:
        self._rows: defaultdict[str, dict[Hashable, int]] = defaultdict(dict)
        self._streams: dict[str, int] = {}
        for each in parked:
            self._hold(each)

    def __bool__(self) -> bool:
        return bool(self._rows or self._streams)

    def behind(self, recorded: Recorded, where: Where, rows: Sequence[Any]) -> int | None:
        """The position of a parked event that this one must wait for, given rows that it touches or makes."""
        if recorded.stream in self._streams:
            return self._streams[recorded.stream]
        if where.value in self._rows.get(where.column, ()):
            return self._rows[where.column][where.value]
        for column, values in self._rows.items():
            for row in rows:
                if (value := getattr(row, column)) in values:
                    return values[value]
        return None

    def add(self, recorded: Recorded, where: Where, why: str, behind: int | None) -> Parked:
        """Park an event; from here on others wait behind it."""
        parked = Parked(recorded.position, recorded.stream, recorded.type, why, where.column, where.value, behind)
        self._hold(parked)
        return parked

    def _hold(self, parked: Parked) -> None:
        if parked.column:
            self._rows[parked.column].setdefault(parked.value, parked.position)
        else:
            self._streams.setdefault(parked.stream, parked.position)

"""Where a follower stands in a tenant's log: `<generation>:<position>`."""

import re
from typing import NamedTuple

_WRITTEN = re.compile(r"([1-9]\d{0,8}):(0|[1-9]\d{0,17})", re.ASCII)


class Cursor(NamedTuple):
    """The fact it names was the last one that was sent. Position 0 is before the first fact, in any generation."""

    generation: int
    position: int

    def __str__(self) -> str:
        return f"{self.generation}:{self.position}"


def read(text: str) -> Cursor:
    """Raises `ValueError` for what no cursor of ours looks like."""
    if (found := _WRITTEN.fullmatch(text)) is None:
        raise ValueError("A cursor is <generation>:<position>.")
    return Cursor(int(found[1]), int(found[2]))

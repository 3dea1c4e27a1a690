"""Lines in which one size of something is compared with the smallest; `benchmarks.pictures` draws them."""

import re
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from benchmarks.kernel import OURS, Versus

CASE = re.compile(r"^(?P<what>.+): (?P<size>[\d,]+) (?P<axis>.+) against (?P<least>[\d,]+)$")
"""How the case of such a line reads."""


def name(what: str, size: int) -> str:
    """Under which a turn gives its figure."""
    return f"{what} {size}"


def against_least(
    sizes: Sequence[int], axis: str, what: str, unit: str, aim: float | None = None, notes: Sequence[str] = ()
) -> Iterator[Versus]:
    least = sizes[0]
    versus = Versus(against=OURS, kind="limit", case="", measure="", theirs=name(what, least), unit=unit, aim=aim)
    for number, size in enumerate(sizes[1:], 1):
        case = f"{what}: {size:,} {axis} against {least:,}"
        note = notes[number] if notes else ""
        yield replace(versus, case=case, measure=name(what, size), note=note)

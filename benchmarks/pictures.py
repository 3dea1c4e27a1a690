"""Pictures of how cost grows, from the lines of the job `growth`.

`make bench ARGS="growth --json" > lines && .venv/bin/python -m benchmarks.pictures lines docs/pictures` writes one for
writers, tenants, events and worker processes each: the ratio to the smallest size, both axes logarithmic.
"""

import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.jobs.growth.sizes import CASE
from benchmarks.kernel import Line, Spread, short

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 740, 60, 300
Place = Callable[[float], float]
"""Where a size or a ratio lies in the picture."""
COLOURS = ("#1f77d0", "#d9730d", "#2e9e5b", "#a04bc2")
"""Told apart on white and on black, and by their marks as well."""
# Colours of the light page stand at each element, for whoever draws without style sheets.
_DARK = """@media (prefers-color-scheme: dark) {
  text { fill: #e3e9f0; } .page { fill: #141a21; stroke: #38434f; } .grid { stroke: #2b3540; } .one { stroke: #8796a5; }
}"""
_TEXT = 'font-family="system-ui, Segoe UI, Roboto, DejaVu Sans, sans-serif" font-size="13" fill="#1d2b3a"'
_LINES = {"grid": 'class="grid" stroke="#d5dde6"', "one": 'class="one" stroke="#6b7c8d" stroke-dasharray="4 4"'}


class Point(Struct, frozen=True):
    size: int
    ratio: Spread


class Series(Struct, frozen=True):
    """One measure over all sizes, from the smallest on."""

    what: str
    points: list[Point]
    first: str
    last: str
    """What was measured at both ends, with its unit."""


def series(lines: Sequence[Line]) -> dict[str, list[Series]]:
    """What grows along each axis."""
    found: dict[tuple[str, str], list[tuple[int, int, Line]]] = defaultdict(list)
    for line in lines:
        if match := CASE.match(line.case):
            size, least = (int(match[name].replace(",", "")) for name in ("size", "least"))
            found[match["axis"], match["what"]].append((size, least, line))
    axes: dict[str, list[Series]] = defaultdict(list)
    for (axis, what), some in found.items():
        ranked = sorted(some, key=lambda each: each[0])
        (_, least, first), (*_, last) = ranked[0], ranked[-1]
        points = [Point(least, Spread(1, 1, 1)), *(Point(size, line.ratio) for size, _, line in ranked)]
        axes[axis].append(
            Series(what, points, f"{short(first.theirs):,g}", f"{short(last.ours):,g} {last.unit}"),
        )
    return dict(axes)


def picture(axis: str, many: Sequence[Series]) -> str:
    sizes = sorted({point.size for each in many for point in each.points})
    ratios = [value for each in many for point in each.points for value in (point.ratio.min, point.ratio.max)]
    low, high = math.floor(math.log2(min(ratios))), max(1, math.ceil(math.log2(max(ratios))))

    def x(size: float) -> float:
        return LEFT + 30 + (RIGHT - LEFT - 60) * math.log(size / sizes[0]) / math.log(sizes[-1] / sizes[0])

    def y(ratio: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (math.log2(ratio) - low) / (high - low)

    parts = [*_frame(axis), *_grid(sizes, [2.0**power for power in range(low, high + 1)], x, y)]
    for number, each in enumerate(many):
        parts += _curve(each, COLOURS[number % len(COLOURS)], BOTTOM + 48 + 20 * number, x, y)
    return "\n".join([*parts, "</g></svg>", ""])


def _frame(axis: str) -> Iterator[str]:
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    title, head = f"How cost grows with {axis}", f"Ratio to the smallest size, by {axis} (more is better)"
    yield f'<title id="title">{escape(title)}</title>'
    yield f"<style>{_DARK}</style>"
    size = f'width="{WIDTH - 2}" height="{HEIGHT - 2}"'
    yield f'<rect class="page" fill="#fbfcfe" stroke="#d5dde6" x="1" y="1" {size} rx="12"/>'
    yield f'<g {_TEXT}><text font-size="16" font-weight="600" x="{LEFT}" y="32">{escape(head)}</text>'


def _grid(sizes: Sequence[int], ratios: Sequence[float], x: Place, y: Place) -> Iterator[str]:
    for ratio in ratios:
        kind = _LINES["one" if ratio == 1 else "grid"]
        yield f'<line {kind} x1="{LEFT}" y1="{y(ratio):.1f}" x2="{RIGHT}" y2="{y(ratio):.1f}"/>'
        told = f"{ratio:g}" if ratio >= 1 else f"1/{1 / ratio:g}"
        yield f'<text text-anchor="end" x="{LEFT - 8}" y="{y(ratio) + 4:.1f}">{told}</text>'
    for size in sizes:
        yield f'<text text-anchor="middle" x="{x(size):.1f}" y="{BOTTOM + 20}">{size:,}</text>'


def _curve(each: Series, colour: str, legend: int, x: Place, y: Place) -> Iterator[str]:
    path = " ".join(f"{x(point.size):.1f},{y(point.ratio.median):.1f}" for point in each.points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
    for point in each.points:
        at = f"{x(point.size):.1f}"
        yield (
            f'<line x1="{at}" y1="{y(point.ratio.min):.1f}" x2="{at}" y2="{y(point.ratio.max):.1f}" '
            f'stroke="{colour}" stroke-width="1.5"/>'
        )
        yield f'<circle cx="{at}" cy="{y(point.ratio.median):.1f}" r="4" fill="{colour}"/>'
    yield f'<circle cx="{LEFT + 6}" cy="{legend - 4}" r="5" fill="{colour}"/>'
    yield f'<text x="{LEFT + 20}" y="{legend}">{escape(f"{each.what}: {each.first} … {each.last}")}</text>'


def main(lines: str, folder: str) -> None:
    found = [msgspec.json.decode(line, type=Line) for line in Path(lines).read_bytes().splitlines()]
    for axis, many in series(found).items():
        path = Path(folder, f"growth-{axis.split()[0]}.svg")
        path.write_text(picture(axis, many), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])

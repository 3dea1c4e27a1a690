"""The words a benchmark is written in: turns that alternate in rounds, and ratios within a round.

Absolute figures belong to one machine and one moment; a ratio of two turns that stood next to each other says more. So
every round gives each contender one turn on the same server and data, the order moves on by one from round to round,
and the ratio is taken within the round. More is better in every ratio.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from benchmarks import cpu

if TYPE_CHECKING:
    from benchmarks.ground import Ground

Against = Literal["pgbench", "eventsourcing", "copy", "hand-written", "cursor", "bare-route", "river", "notify"]
Figures = Mapping[str, float]
"""What one turn measured, by the name of the measure."""
Turn = Callable[[], Figures]

OURS = "everlog"
HEAVY = 0.15
"""A turn during which others used more than this share of all cores is left out, if enough rounds remain."""
ENOUGH = 3
TIMES = frozenset({"s", "ms", "µs"})
"""Units in which less is better."""


class Scale(Struct, frozen=True):
    """How much is measured. Sizes are events, times are seconds."""

    rounds: int
    seconds: float
    """One turn of a job that is measured by the clock."""
    catch_up: int
    replay: int
    slow: int
    """What peers get that would take minutes over the whole."""
    predict: int
    share: float
    """What one job may take, its preparation included, before it is cut to fewer rounds."""


FULL = Scale(rounds=7, seconds=5, catch_up=200_000, replay=500_000, slow=5_000, predict=2_000, share=330)
QUICK = Scale(rounds=3, seconds=1, catch_up=4_000, replay=10_000, slow=500, predict=300, share=20)


class Round(Struct, frozen=True):
    """The figures of each contender's turn, and the share of the machine others used meanwhile."""

    figures: dict[str, Figures]
    foreign: dict[str, float]

    def ratio(self, against: str, measure: str, *, inverse: bool) -> float:
        """Ours over theirs, or the inverse where less is better."""
        ours, theirs = self.figures[OURS][measure], self.figures[against][measure]
        return theirs / ours if inverse else ours / theirs

    def disturbance(self, against: str) -> float:
        return max(self.foreign[OURS], self.foreign[against])


class Spread(Struct, frozen=True):
    min: float
    median: float
    max: float


class Line(Struct, frozen=True, kw_only=True):
    """One comparison: medians of both figures, and the ratio over the rounds that count."""

    job: str
    against: str
    kind: Literal["limit", "peer"]
    case: str
    unit: str
    ours: float
    theirs: float
    ratio: Spread
    rounds: int
    left_out: int
    """Rounds that do not count, because others kept the machine busy."""
    foreign_cpu: float
    """The median share of all cores, 0 … 1, that others used during the rounds that count."""
    aim: float | None = None
    """The ratio that was asked for."""
    note: str = ""


class Versus(Struct, frozen=True, kw_only=True):
    """What is compared with whom; `measure` is the name under which the turns give their figure."""

    against: Against
    kind: Literal["limit", "peer"]
    case: str
    measure: str
    unit: str
    aim: float | None = None
    note: str = ""

    def line(self, job: str, rounds: list[Round]) -> Line:
        """Raises `ValueError` without a round."""
        counted = undisturbed(rounds, self.against)
        inverse = self.unit in TIMES
        ratios = [one.ratio(self.against, self.measure, inverse=inverse) for one in counted]
        return Line(
            job=job,
            against=self.against,
            kind=self.kind,
            case=self.case,
            unit=self.unit,
            ours=short(median(one.figures[OURS][self.measure] for one in counted)),
            theirs=short(median(one.figures[self.against][self.measure] for one in counted)),
            ratio=Spread(short(min(ratios)), short(median(ratios)), short(max(ratios))),
            rounds=len(counted),
            left_out=len(rounds) - len(counted),
            foreign_cpu=round(median(one.disturbance(self.against) for one in counted), 3),
            aim=self.aim,
            note=self.note,
        )


class Session:
    """One run of the benchmarks: how much is measured, what it says meanwhile, and until when a job may go on."""

    def __init__(self, scale: Scale, show: Callable[[str], None]) -> None:
        self.scale = scale
        self._show = show
        self._job = ""
        self._until = 0.0

    def begin(self, job: str) -> None:
        self._job = job
        self._until = time.monotonic() + self.scale.share

    def say(self, words: str) -> None:
        self._show(f"{self._job}: {words}")

    def soon(self) -> float:
        """When to stop preparing (monotonic): half of the job's time is kept for measuring."""
        return time.monotonic() + max(0.0, self.left() / 2)

    def left(self) -> float:
        return self._until - time.monotonic()

    def play(self, turns: Mapping[str, Turn], rounds: int | None = None) -> list[Round]:
        """Rounds in which every contender has one turn, until there are enough or the job's time is up."""
        wanted = rounds or self.scale.rounds
        played: list[Round] = []
        began = time.monotonic()
        for number in range(wanted):
            # A round that would end after the job's time is not begun; one round there always is.
            if played and self.left() < (time.monotonic() - began) / len(played):
                break
            self.say(f"round {number + 1} of {wanted}")
            played.append(_round(list(turns.items()), number))
        return played


Job = Callable[["Ground", Session], Iterator[Line]]


def _round(turns: list[tuple[str, Turn]], number: int) -> Round:
    figures, foreign = {}, {}
    for name, turn in rotated(turns, number):
        before = cpu.look()
        figures[name] = turn()
        foreign[name] = cpu.foreign(before, cpu.look())
    return Round(figures, foreign)


def rotated(turns: list[tuple[str, Turn]], number: int) -> Iterator[tuple[str, Turn]]:
    """Who comes first changes from round to round, so that drift favours nobody."""
    start = number % len(turns)
    return iter(turns[start:] + turns[:start])


def undisturbed(rounds: list[Round], against: str) -> list[Round]:
    """The rounds that count: the quiet ones, or the quietest few where others never gave way."""
    quiet = [one for one in rounds if one.disturbance(against) <= HEAVY]
    if len(quiet) >= min(ENOUGH, len(rounds)):
        return quiet
    return sorted(rounds, key=lambda one: one.disturbance(against))[:ENOUGH]


def short(figure: float) -> float:
    """Four significant digits: more would claim what no round repeats."""
    return float(f"{figure:.4g}")

"""The words a benchmark is written in: turns that alternate in rounds, and ratios within a round.

Absolute figures belong to one machine and one moment; a ratio of two turns that stood next to each other says more. So
every round gives each contender one turn on the same server and data, the order moves on by one from round to round,
and the ratio is taken within the round. More is better in every ratio.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from benchmarks import cpu

if TYPE_CHECKING:
    from benchmarks.ground import Ground

Against = Literal[
    "pgbench",
    "eventsourcing",
    "emmett",
    "umadb",
    "copy",
    "hand-written",
    "cursor",
    "keyset",
    "bare-route",
    "unjournalled",
    "router",
    "river",
    "compiled",
    "pycasbin",
    "everlog",
    "notify",
    "target",
]
"""`everlog` is ourselves under another condition; `target` is a figure that was asked for, whatever the machine."""
Figures = Mapping[str, float]
"""What one turn measured, by the name of the measure."""
Turn = Callable[[], Figures]

OURS: Final = "everlog"
HEAVY = 0.15
"""A turn during which others used more than this share of all cores is left out, if enough rounds remain."""
ENOUGH = 3
LESS = frozenset({"s", "ms", "µs", "kB", "connections"})
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
    few: int
    """The same, where they take a tenth of that time."""
    predict: int
    rules: int
    tenants: tuple[int, ...]
    log: tuple[int, ...]
    """Events in a tenant."""
    workers: tuple[int, ...]
    backlog: int
    """Events that the workers have before them."""
    writers: tuple[int, ...]
    questions: tuple[int, int]
    """Events in the organisation that is asked about, and in all together."""
    share: float
    """What one job may take, its preparation included, before it is cut to fewer rounds."""
    least: int
    """Rounds that there are all the same."""


FULL = Scale(
    rounds=7,
    seconds=3,
    catch_up=1_000_000,
    replay=1_000_000,
    slow=5_000,
    few=20_000,
    predict=2_000,
    rules=10_000,
    tenants=(1, 10, 100, 1_000),
    log=(10_000, 100_000, 1_000_000, 10_000_000),
    workers=(1, 2, 4),
    backlog=40_000,
    writers=(1, 8, 64, 256),
    questions=(1_000_000, 10_000_000),
    share=240,
    least=5,
)
QUICK = Scale(
    rounds=3,
    seconds=0.5,
    catch_up=4_000,
    replay=10_000,
    slow=500,
    few=2_000,
    predict=300,
    rules=500,
    tenants=(1, 10),
    log=(1_000, 10_000),
    workers=(1, 2),
    backlog=4_000,
    writers=(1, 8),
    questions=(4_000, 8_000),
    share=12,
    least=1,
)
LONG = {"catch-up": 8, "growth": 2.5, "move": 6, "questions": 20, "recompute": 20, "replay": 2}
"""Jobs that are given several shares: they are several jobs in one, or one on a large log."""


class Round(Struct, frozen=True):
    """The figures of each contender's turn, and the share of the machine others used meanwhile."""

    figures: dict[str, Figures]
    foreign: dict[str, float]

    def ratio(self, versus: "Versus") -> float:
        """Ours over theirs, or the inverse where less is better."""
        ours, theirs = self.figures[OURS][versus.measure], self.figures[versus.against][versus.other]
        inverse = versus.unit in LESS
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
    disturbed: int
    """Rounds that count all the same, since too few were quiet."""
    foreign_cpu: float
    """The median share of all cores, 0 … 1, that others used during the rounds that count."""
    aim: float | None = None
    """The ratio that was asked for."""
    note: str = ""


class Versus(Struct, frozen=True, kw_only=True):
    """What is compared with whom; `measure` is the name under which our turn gives its figure."""

    against: Against
    kind: Literal["limit", "peer"]
    case: str
    measure: str
    theirs: str = ""
    """The name of their figure, where it is another."""
    unit: str
    aim: float | None = None
    note: str = ""

    @property
    def other(self) -> str:
        return self.theirs or self.measure

    def line(self, job: str, rounds: Sequence[Round]) -> Line:
        """Raises `ValueError` without a round."""
        counted = undisturbed(rounds, self.against)
        ratios = [one.ratio(self) for one in counted]
        return Line(
            job=job,
            against=self.against,
            kind=self.kind,
            case=self.case,
            unit=self.unit,
            ours=short(median(one.figures[OURS][self.measure] for one in counted)),
            theirs=short(median(one.figures[self.against][self.other] for one in counted)),
            ratio=Spread(short(min(ratios)), short(median(ratios)), short(max(ratios))),
            rounds=len(counted),
            left_out=len(rounds) - len(counted),
            disturbed=sum(one.disturbance(self.against) > HEAVY for one in counted),
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
        self.problems: list[str] = []
        """What could not be compared, and why."""

    def begin(self, job: str) -> None:
        self._job = job
        self._until = time.monotonic() + self.scale.share * LONG.get(job, 1)

    def say(self, words: str) -> None:
        self._show(f"{self._job}: {words}")

    def soon(self) -> float:
        """When to stop preparing (monotonic): half of the job's time is kept for measuring."""
        return time.monotonic() + max(0.0, self.left() / 2)

    def left(self) -> float:
        return self._until - time.monotonic()

    def play(self, turns: Mapping[str, Turn], rounds: int | None = None, cases: int = 1) -> list[Round]:
        """Rounds in which every contender has one turn, until there are enough or the time is up.

        The time is what the job has left, shared by so many cases that are still to come, this one included. A peer
        that fails is told of and left out from there on; where the product fails, the job does.
        """
        wanted = rounds or self.scale.rounds
        contenders = dict(turns)
        played: list[Round] = []
        began = time.monotonic()
        until = began + self.left() / cases
        for number in range(wanted):
            # A round that would end after its time is not begun, but for the first few.
            if len(played) >= self.scale.least and until - (now := time.monotonic()) < (now - began) / len(played):
                break
            self.say(f"round {number + 1} of {wanted}")
            played.append(_round(contenders, number, self._failed))
        return played

    def compared(self, rounds: Sequence[Round], *many: Versus) -> Iterator[Line]:
        """A line for each comparison whose peer had a turn."""
        for versus in many:
            met = [one for one in rounds if versus.against in one.figures]
            if met:
                yield versus.line(self._job, met)

    def _failed(self, peer: str, problem: Exception) -> None:
        self.problems.append(f"{self._job} against {peer} could not be measured: {problem}")


Job = Callable[["Ground", Session], Iterator[Line]]


def _round(contenders: dict[str, Turn], number: int, failed: Callable[[str, Exception], None]) -> Round:
    """One turn for each; a peer that fails is taken out of the contenders."""
    figures, foreign = {}, {}
    for name, turn in rotated(list(contenders.items()), number):
        before = cpu.look()
        try:
            figures[name] = turn()
        except Exception as problem:
            if name == OURS:
                raise
            failed(name, problem)
            del contenders[name]
            continue
        foreign[name] = cpu.foreign(before, cpu.look())
    return Round(figures, foreign)


def rotated(turns: list[tuple[str, Turn]], number: int) -> Iterator[tuple[str, Turn]]:
    """Who comes first changes from round to round, so that drift favours nobody."""
    start = number % len(turns)
    return iter(turns[start:] + turns[:start])


def undisturbed(rounds: Sequence[Round], against: str) -> list[Round]:
    """The rounds that count: the quiet ones, or the quietest few where others never gave way."""
    quiet = [one for one in rounds if one.disturbance(against) <= HEAVY]
    if len(quiet) >= min(ENOUGH, len(rounds)):
        return quiet
    return sorted(rounds, key=lambda one: one.disturbance(against))[:ENOUGH]


def short(figure: float) -> float:
    """Four significant digits: more would claim what no round repeats."""
    return float(f"{figure:.4g}")

"""What a fault is given and what it finds: the words in which every fault is written.

A fault does harm to the running product while clients work, then judges what stands. Its control does the same with
one thing wrong on purpose, and must find it: a fault whose control stays green has shown nothing.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

from msgspec import Struct, field


class Trial(Struct, frozen=True):
    """What one fault is given."""

    home: Path
    """An empty folder of its own."""
    cycles: int
    """How often the harm is done."""
    seed: int

    def dice(self, *more: object) -> Random:
        """The same throws for the same seed; apart for each of `more`, so that threads do not share them."""
        return Random(f"{self.seed} {more}")


class Found(Struct):
    """What is counted of one fault, added up over its cycles."""

    attempted: int = 0
    """Events that clients asked for."""
    acknowledged: int = 0
    lost: int = 0
    """Acknowledged, and not where the acknowledgement says."""
    duplicated: int = 0
    skipped: int = 0
    """Standing in the log, and passed over by a reader, a view or JetStream."""
    violations: list[str] = field(default_factory=list)
    """Whatever breaks an invariant, in words; the lost, duplicated and skipped are among them."""
    late: list[str] = field(default_factory=list)
    """What took longer than it may. These are violations too, but not to a test, which must not rest on time."""
    control_red: bool = False
    """The same judgement found what was done wrong on purpose."""
    notes: dict[str, float | str] = field(default_factory=dict)
    """What else was measured: seconds until all was well again, what was killed."""

    def add(self, other: "Found") -> None:
        """Take over another's counts; its control counts where every one of them does."""
        self.attempted += other.attempted
        self.acknowledged += other.acknowledged
        self.lost += other.lost
        self.duplicated += other.duplicated
        self.skipped += other.skipped
        self.violations += other.violations
        self.late += other.late


class Line(Struct, kw_only=True):
    """One fault's result, as it is printed."""

    fault: str
    cycles: int
    attempted: int
    acknowledged: int
    lost: int
    duplicated: int
    skipped: int
    violations: int
    control_red: bool
    seed: int
    seconds: float
    what: list[str]
    """The first violations, in words."""
    notes: dict[str, float | str]


class Fault(Struct, frozen=True):
    """Where a fault stands, and how often it is done: `module:function` below `tests.faults`."""

    run: str
    cycles: int
    """By `make faults`."""
    long: int
    """By `make faults-long`."""


Run = Callable[[Trial], Found]

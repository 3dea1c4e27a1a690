"""A tenant's past, recorded through the product: prospects captured, observed, predicted, moved on, won or lost.

A prospect has five events, and each step is taken for a wave of prospects at a time; so most of what a view folds
touches rows that earlier batches wrote.
"""

import time
from collections.abc import Iterator, Sequence
from random import Random
from typing import Protocol
from uuid import UUID, uuid4

from application.pending import Pending
from application.ports import Appended
from benchmarks import load
from domain.kernel import Fact, Meta
from domain.predictions import Features, Made, Reason, stream
from domain.prospects import Captured, Lost, SignalObserved, StageMoved, Won

EACH = 5
"""Events of one prospect."""
WAVE = 500
"""Prospects that take a step together."""
_INDUSTRIES = ("engines", "looms", "mines", "press", "rail", "ships", "steel", "tea", "telegraph", "wool")
_NUMBERS = tuple((f"feature_{number}", float(number)) for number in range(10))

Step = tuple[str, int, list[Fact]]
"""A stream, the version it stands at, and what is appended."""


class Appends(Protocol):
    """The part of a tenant's log that is written to."""

    def submit(self, stream: str, expected: int, facts: Sequence[Fact], meta: Meta) -> Pending[Appended]: ...


class Past:
    """Grows a log to a number of events; the same seed gives the same facts."""

    def __init__(self, log: Appends) -> None:
        self.log = log
        self.events = 0
        self._random = Random(1815)
        self._number = 0
        self._waves: list[list[UUID]] = []

    def grow(self, events: int, until: float) -> None:
        """Record until the log holds at least so many events, in whole waves, or the clock (monotonic) says stop."""
        while self.events < events and time.monotonic() < until:
            for steps in self._wave():
                pending = [self.log.submit(stream, version, facts, load.meta()) for stream, version, facts in steps]
                for each in pending:
                    each.result()
                self.events += sum(len(facts) for _, _, facts in steps)

    def _wave(self) -> Iterator[Sequence[Step]]:
        """What a wave of newcomers does, and the two waves before it."""
        fresh = [uuid4() for _ in range(WAVE)]
        self._waves.append(fresh)
        yield [(f"prospects/{id}", 0, self._met()) for id in fresh]
        yield [self._predicted(id) for id in fresh]
        if len(self._waves) > 1:
            yield [(f"prospects/{id}", 2, [StageMoved("new", "met")]) for id in self._waves[-2]]
        if len(self._waves) > 2:
            yield [(f"prospects/{id}", 3, [self._closed()]) for id in self._waves.pop(0)]

    def _met(self) -> list[Fact]:
        self._number += 1
        known = load.captured()
        industry = self._random.choice(_INDUSTRIES)
        captured = Captured(known.name, known.email, industry, _NUMBERS[:3])
        return [captured, SignalObserved("application", self._random.random(), ("sponsor:2B", "value-band:B"))]

    def _predicted(self, prospect: UUID) -> Step:
        chance = self._random.random()
        made = Made(
            model="prospects.conversion",
            number=self._number,
            prospect=prospect,
            position=self.events,
            learned=self._number,
            champion="online",
            refits=(("boosting", 100),),
            probability=chance,
            likely=("won",) if chance > 0.7 else ("lost",) if chance < 0.3 else ("won", "lost"),
            candidates=(("online", chance), ("boosting", chance), ("plain", chance)),
            digest="0" * 64,
            build="0" * 64,
            reasons=tuple(Reason(name, value, 0.1) for name, value in _NUMBERS[:5]),
            features=Features(_NUMBERS, ("sponsor:2B", "value-band:B")),
        )
        return stream(made), 0, [made]

    def _closed(self) -> Fact:
        return Won("met", 100_000, "EUR") if self._random.random() < 0.5 else Lost("met", "went elsewhere")

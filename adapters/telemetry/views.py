"""A log as a view runner reads it, which lets what was applied join the traces it was recorded under."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from adapters.telemetry.traces import Traces, sampled
from adapters.telemetry.watched import Around

MOST = 10_000
"""Traces that are remembered while views stand still."""

Seen = Callable[[UUID, int, int], object]


class Tap(Around):
    """Give it to the runner in place of the log, and its `seen` in place of whom the runner is to tell."""

    def __init__(self, log: Any, traces: Traces, seen: Seen) -> None:
        super().__init__(log)
        self._traces = traces
        self._seen = seen
        self._read: dict[int, tuple[str, float]] = {}
        self._told = 0

    def read(self, *given: Any, **named: Any) -> Any:
        rows = self._inner.read(*given, **named)
        if self._traces.collecting and len(self._read) < MOST:
            now = time.time()
            found = {row.position: (row.meta.trace, now) for row in rows if row.position > self._told}
            self._read |= {position: each for position, each in found.items() if sampled(each[0])}
        return rows

    def seen(self, tenant: UUID, generation: int, position: int) -> None:
        """All live views have come this far: a span `view` for each trace since, from its being read on."""
        self._seen(tenant, generation, position)
        self._told, now = position, time.time()
        for each in sorted(self._read):
            if each <= position:
                trace, began = self._read.pop(each)
                self._traces.past("view", trace, began, now, tenant=str(tenant), position=each)

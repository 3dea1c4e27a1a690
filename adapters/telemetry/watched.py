"""Parts of the program with a look at what they do: each behaves as what it is given, and tells."""

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from adapters.telemetry import logs
from adapters.telemetry.metrics import Metrics
from adapters.telemetry.traces import Traces, sampled
from application.pending import Pending


class Around:
    """Stands for another object: what is not defined here is the other's."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Known(Around):
    """An entry after which log lines name the caller: tenant and actor, nothing else of the request."""

    async def admit(self, *given: Any, **named: Any) -> Any:
        caller = await self._inner.admit(*given, **named)
        logs.whom.set((caller.tenant, caller.actor))
        return caller


class Asked(Around):
    """A pipeline with a span for what it is asked: `command` or `query`, by permission."""

    def __init__(self, pipeline: Any, traces: Traces) -> None:
        super().__init__(pipeline)
        self._traces = traces

    async def run(self, caller: Any, asked: Any, spent: float = 0.0) -> Any:
        with self._traces.span("command", permission=asked.command.permission, tenant=str(caller.tenant)):
            return await self._inner.run(caller, asked, spent)

    async def run_all(self, caller: Any, bulk: Sequence[Any], spent: float = 0.0) -> Any:
        with self._traces.span("command", commands=len(bulk), tenant=str(caller.tenant)):
            return await self._inner.run_all(caller, bulk, spent)

    async def ask(self, caller: Any, query: Any, *given: Any, **named: Any) -> Any:
        with self._traces.span("query", permission=query.permission, tenant=str(caller.tenant)):
            return await self._inner.ask(caller, query, *given, **named)


class Submitted(Around):
    """Logs with a span `append` from handing facts over to their being recorded."""

    def __init__(self, logs: Any, traces: Traces) -> None:
        super().__init__(logs)
        self._traces = traces

    def of(self, tenant: UUID) -> Any:
        log = self._inner.of(tenant)
        return OneLog(log, self._traces) if self._traces.collecting else log


class OneLog(Around):
    def __init__(self, log: Any, traces: Traces) -> None:
        super().__init__(log)
        self._traces = traces

    def submit(self, stream: str, expected: int, facts: Sequence[Any], meta: Any, once: Any = None) -> Pending[Any]:
        began = time.time()
        future: Pending[Any] = self._inner.submit(stream, expected, facts, meta, once)
        above = self._traces.current() or meta.trace
        if sampled(above):
            future.add_done_callback(lambda _: self._traces.past("append", above, began, time.time(), facts=len(facts)))
        return future


class Scored(Around):
    """A scorer whose answers are timed."""

    def __init__(self, scorer: Any, metrics: Metrics) -> None:
        super().__init__(scorer)
        self._metrics = metrics

    async def score(self, *given: Any, **named: Any) -> Any:
        began, outcome = time.perf_counter(), "failed"
        try:
            answer = await self._inner.score(*given, **named)
            outcome = "answered"
            return answer
        finally:
            self._metrics.predicted(outcome, time.perf_counter() - began)

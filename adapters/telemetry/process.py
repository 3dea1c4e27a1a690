"""Everything that one process tells of itself, in one piece."""

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from prometheus_client import REGISTRY, CollectorRegistry

from adapters.nats import message
from adapters.telemetry import logs
from adapters.telemetry.http import Http
from adapters.telemetry.metrics import LOCAL, Metrics
from adapters.telemetry.traces import Traces, sampled
from adapters.telemetry.views import Seen, Tap
from adapters.telemetry.watched import Asked, Known, Scored, Submitted

WORKER = "worker"

_log = logging.getLogger(__name__)


class Telemetry:
    """What stands for another object here behaves as that object does; without a collector most is that object itself.

    Other hooks are the methods of `metrics`: `drained` for the committer's `on_drain`, the object itself as a runner's
    meter, `lag` as the worker's `measure`.
    """

    def __init__(self, traces: Traces, metrics: Metrics) -> None:
        self.traces = traces
        self.metrics = metrics

    @classmethod
    def of(
        cls,
        service: str,
        environment: Mapping[str, str] = os.environ,
        registry: CollectorRegistry = REGISTRY,
    ) -> "Telemetry":
        """Once in a process, before anything is logged: lines of this service from EVERLOG_LOG_LEVEL (INFO) on.

        A worker answers Prometheus on EVERLOG_METRICS_PORT or, where several run, the next that is free; on
        EVERLOG_METRICS_HOST, else to its own machine alone. Raises `OSError` where it cannot.
        """
        traces = Traces.of(service, environment)
        logs.configure(service, traces, environment.get("EVERLOG_LOG_LEVEL", "INFO").upper())
        metrics = Metrics(registry)
        if service == WORKER and (port := environment.get("EVERLOG_METRICS_PORT")):
            host = environment.get("EVERLOG_METRICS_HOST") or LOCAL
            _log.info("Metrics are on %s, port %d.", host, metrics.serve(int(port), host))
        return cls(traces, metrics)

    def http(self, app: Any) -> Http:
        return Http(app, self.traces, self.metrics)

    def entry(self, entry: Any) -> Any:
        return Known(entry)

    def pipeline(self, pipeline: Any) -> Any:
        return Asked(pipeline, self.traces) if self.traces.collecting else pipeline

    def logs(self, logs: Any) -> Any:
        return Submitted(logs, self.traces) if self.traces.collecting else logs

    def scorer(self, scorer: Any) -> Any:
        return Scored(scorer, self.metrics)

    def tap(self, log: Any, seen: Seen) -> Tap:
        """A tenant's log for its runner; tell the runner to tell the tap's `seen`."""
        return Tap(log, self.traces, seen)

    def relayed(self, tenant: UUID, events: Sequence[message.Event], began: float) -> None:
        """Given to the relay as `told`."""
        ended = time.time()
        self.metrics.relayed(tenant, events, ended - began)
        if not self.traces.collecting:
            return
        for event in events:
            if sampled(trace := message.told(event.meta).trace):
                self.traces.past(
                    "relay", trace, began, ended, tenant=str(tenant), type=event.type, position=event.position
                )

    def relay(self, behind: Callable[[], Mapping[UUID, int]], forked: Callable[[], Mapping[UUID, str]]) -> None:
        self.metrics.relay(behind, forked)

    def close(self) -> None:
        self.traces.flush()
        logs.flush()

"""Metrics for Prometheus. No label names a tenant: what differs between tenants is told as the worst and the sum."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from errno import EADDRINUSE
from pathlib import Path
from shutil import disk_usage
from threading import Lock
from typing import Any, Protocol
from uuid import UUID

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from adapters.telemetry.checks import Checks
from adapters.telemetry.requests import Requests

LOCAL = "127.0.0.1"
QUICK = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 5, 10)
LATE = (0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 5, 10, 30, 60, 300)
MANY = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


class Drained(Protocol):
    """What the committer tells of one transaction."""

    @property
    def atoms(self) -> int: ...
    @property
    def entries(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def waits(self) -> Sequence[float]: ...


class Lag(Protocol):
    """How far a view of a tenant is behind."""

    @property
    def view(self) -> str: ...
    @property
    def positions(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def parked(self) -> int: ...


Families = tuple[tuple[str, str, Callable[[list[Lag]], float]], ...]
"""What is told of those that are behind: names, in words, how it is found."""


class Metrics:
    """One for a process. Its methods are what the parts of the program are given to call."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry

        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(name, words, labels, registry=registry)

        def histogram(name: str, words: str, *labels: str, buckets: Sequence[float] = QUICK) -> Histogram:
            return Histogram(name, words, labels, buckets=buckets, registry=registry)

        self._append = histogram("everlog_append_seconds", "From handing an append over to its answer.")
        self._commit = histogram("everlog_commit_seconds", "One transaction of the committer.")
        self._grouped = histogram("everlog_commit_appends", "Appends that shared a transaction.", buckets=MANY)
        self._events = counter("everlog_events", "Events recorded by this process.")
        self._applied = counter("everlog_view_events", "Events that a view has seen.", "view")
        self._put_aside = counter("everlog_view_put_aside", "Events that a view could not apply.", "view")
        self._relayed = counter("everlog_relay_events", "Events published to JetStream.")
        self._relay = histogram("everlog_relay_batch_seconds", "One batch of events into JetStream.")
        self._sealed = histogram("everlog_seal_seconds", "From an event's recording to its sealing.", buckets=LATE)
        self._predicted = histogram(
            "everlog_prediction_seconds", "A score, from the question to the answer.", "outcome"
        )
        self.requests = Requests(registry, QUICK)
        self._lags = Lags(registry, "view", VIEWS)
        self._cosigned = Lags(registry, "witness", WITNESSES)
        self._delivered = Lags(registry, "destination", DESTINATIONS)
        self.checks = Checks(registry)
        self._registered = Later(registry)

    def drained(self, drain: Drained) -> None:
        """Given to the committer as `on_drain`."""
        self._commit.observe(drain.seconds)
        self._grouped.observe(drain.atoms)
        self._events.inc(drain.entries)
        for seconds in drain.waits:
            self._append.observe(seconds)

    def applied(self, view: str, events: int) -> None:
        """Together with `parked`, the runner's meter."""
        self._applied.labels(view).inc(events)

    def parked(self, view: str, events: int) -> None:
        if events > 0:
            self._put_aside.labels(view).inc(events)

    def lag(self, tenant: UUID, lags: Iterable[Lag]) -> None:
        """Given to the worker as `measure`."""
        self._lags.note(tenant, lags)

    def cosigned(self, tenant: UUID, lags: Iterable[Lag]) -> None:
        """The same, of what a witness has not cosigned."""
        self._cosigned.note(tenant, lags)

    def delivered(self, tenant: UUID, lags: Iterable[Lag]) -> None:
        """The same, of what a destination has not accepted."""
        self._delivered.note(tenant, lags)

    def relayed(self, _: UUID, events: Sequence[Any], seconds: float) -> None:
        self._relayed.inc(len(events))
        self._relay.observe(seconds)

    def sealed(self, ages: Sequence[float]) -> None:
        """Given to each sealer: how old the events of a checkpoint were when it was committed."""
        for seconds in ages:
            self._sealed.observe(seconds)

    def predicted(self, outcome: str, seconds: float) -> None:
        self._predicted.labels(outcome).observe(seconds)

    def watch(self, name: str, words: str, look: Callable[[], float | Mapping[str, float]], label: str = "") -> None:
        """A gauge that is looked up when Prometheus asks; with a label, one for each key of what is found."""
        self._registered.add(name, words, look, label)

    def pools(self, look: Callable[[], Mapping[str, float]]) -> None:
        """Connections to the database, as `Database.use` counts them."""
        self.watch("everlog_pool", "Connections of the pool, and who waits for one.", look, "state")

    def disks(self, folders: Mapping[str, Path]) -> None:
        """What this process writes to; of a database elsewhere, that machine tells."""

        def free() -> dict[str, float]:
            found = {name: disk_usage(folder) for name, folder in folders.items() if folder.exists()}
            return {name: each.free / each.total for name, each in found.items()}

        self.watch("everlog_disk_free_ratio", "Of the disk that a folder lies on.", free, "folder")

    def relay(self, behind: Callable[[], Mapping[UUID, int]], forked: Callable[[], Mapping[UUID, str]]) -> None:
        """How far the relay is behind, all tenants together and at worst, and what it cannot go on with."""
        self.watch("everlog_relay_lag_events", "Events not published yet.", lambda: sum(behind().values()))
        worst = "Events of one tenant not published yet, at worst."
        self.watch("everlog_relay_lag_worst_events", worst, lambda: max(behind().values(), default=0))
        self.watch("everlog_relay_forked_tenants", "Tenants whose stream is not their log.", lambda: len(forked()))

    def refused(self, look: Callable[[], float]) -> None:
        """For how many tenants nothing is signed, because what was signed before says something else."""
        self.watch("everlog_seal_refused_tenants", "Tenants whose log is not sealed: alarm above 0.", look)

    def unfinished(self, look: Callable[[], Iterable[datetime | None]]) -> None:
        """Since when each tenant's oldest erasure is approved and not certified."""

        def age() -> float:
            oldest = min((each for each in look() if each), default=None)
            return (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0

        words = "Age of the oldest erasure that is approved and not certified: alarm above an hour."
        self.watch("everlog_privacy_unfinished_seconds", words, age)

    def serve(self, port: int, host: str = LOCAL, more: int = 9) -> int:
        """Answer Prometheus from a process that has no HTTP API of its own, on this port or one of the next; which."""
        for each in range(port, port + more):
            try:
                start_http_server(each, host, self.registry)
                return each
            except OSError as problem:
                if problem.errno != EADDRINUSE:
                    raise
        start_http_server(port + more, host, self.registry)
        return port + more


class Lags(Collector):
    """How far views are behind, or witnesses, as last told; a tenant that caught up weighs nothing."""

    def __init__(self, registry: CollectorRegistry, what: str, families: Families) -> None:
        self._known: dict[str, dict[UUID, Lag]] = {}
        self._what, self._families = what, families
        self._lock = Lock()
        registry.register(self)

    def note(self, tenant: UUID, lags: Iterable[Lag]) -> None:
        with self._lock:
            for lag in lags:
                of = self._known.setdefault(lag.view, {})
                if lag.positions or lag.parked:
                    of[tenant] = lag
                else:
                    of.pop(tenant, None)

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            known = {view: list(lags.values()) for view, lags in self._known.items()}
        for name, words, found in self._families:
            family = GaugeMetricFamily(f"everlog_{self._what}_{name}", words, labels=[self._what])
            for view, lags in known.items():
                family.add_metric([view], found(lags))
            yield family


def _of(lags: list[Lag], part: str) -> list[float]:
    return [0.0, *(getattr(lag, part) for lag in lags)]


VIEWS: Families = (
    ("lag_events", "Events a view has not seen, at worst.", lambda lags: max(_of(lags, "positions"))),
    ("lag_seconds", "Age of the oldest event not seen.", lambda lags: max(_of(lags, "seconds"))),
    ("behind_tenants", "Tenants whose view is behind.", lambda lags: sum(map(bool, _of(lags, "positions")))),
    ("parked_events", "Events put aside and waiting.", lambda lags: sum(_of(lags, "parked"))),
)
WITNESSES: Families = (
    ("lag_events", "Events sealed and not cosigned, at worst.", lambda lags: max(_of(lags, "positions"))),
    ("lag_seconds", "Age of the oldest checkpoint not cosigned.", lambda lags: max(_of(lags, "seconds"))),
    ("behind_tenants", "Tenants with such events.", lambda lags: sum(map(bool, _of(lags, "positions")))),
    ("refused_tenants", "Tenants whose history the witness knows otherwise.", lambda lags: sum(_of(lags, "parked"))),
)
DESTINATIONS: Families = (
    ("lag_events", "Events not delivered.", lambda lags: max(_of(lags, "positions"))),
    ("lag_seconds", "Age of the oldest event not delivered.", lambda lags: max(_of(lags, "seconds"))),
    ("refused", "1 while the destination refuses the trail.", lambda lags: max(_of(lags, "parked"))),
)


class Later(Collector):
    """Gauges that are asked for when they are wanted."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._looks: dict[str, tuple[str, Callable[[], float | Mapping[str, float]], str]] = {}
        registry.register(self)

    def add(self, name: str, words: str, look: Callable[[], float | Mapping[str, float]], label: str) -> None:
        self._looks[name] = words, look, label

    def collect(self) -> Iterator[Metric]:
        for name, (words, look, label) in self._looks.items():
            family = GaugeMetricFamily(name, words, labels=[label] if label else [])
            found = look()
            for key, number in found.items() if isinstance(found, Mapping) else [("", found)]:
                family.add_metric([key] if label else [], number)
            yield family

"""What the looks at whole records came to, for Prometheus: over all tenants that this process looks after."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from threading import Lock
from uuid import UUID

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SPANS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)


class Checks(Collector):
    """`note` when it is known of a tenant, `keep` when others have taken some over."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lock = Lock()
        self._last: dict[UUID, datetime] = {}
        self._unsound: set[UUID] = set()
        self._failed: set[UUID] = set()
        self._took = Histogram("everlog_check_seconds", "One look at a whole record.", buckets=SPANS, registry=registry)
        registry.register(self)

    def note(self, tenant: UUID, at: datetime, *, sound: bool) -> None:
        """What the last look found, also one of before this process began."""
        with self._lock:
            self._last[tenant] = at
            self._failed.discard(tenant)
            (self._unsound.discard if sound else self._unsound.add)(tenant)

    def took(self, seconds: float) -> None:
        self._took.observe(seconds)

    def failed(self, tenant: UUID) -> None:
        """It could not be looked at all; what was found before stands."""
        with self._lock:
            self._failed.add(tenant)

    def withheld(self, tenant: UUID) -> None:
        """Its owner has closed its keys: no look is due; what was found before stands."""
        with self._lock:
            self._failed.discard(tenant)
            self._last.pop(tenant, None)

    def keep(self, tenants: AbstractSet[UUID]) -> None:
        with self._lock:
            self._last = {tenant: at for tenant, at in self._last.items() if tenant in tenants}
            self._unsound &= tenants
            self._failed &= tenants

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            unsound, failed, last = len(self._unsound), len(self._failed), min(self._last.values(), default=None)
        words = "Tenants whose record was found not sound: alarm above 0."
        yield GaugeMetricFamily("everlog_check_unsound_tenants", words, value=unsound)
        words = "Tenants whose record could not be looked at: alarm above 0."
        yield GaugeMetricFamily("everlog_check_failed_tenants", words, value=failed)
        age = (datetime.now(UTC) - last).total_seconds() if last else 0.0
        yield GaugeMetricFamily("everlog_check_age_seconds", "Since the look that is longest ago.", value=age)

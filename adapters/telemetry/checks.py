"""What the looks at whole records came to, for Prometheus: over all tenants that this process looks after."""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from threading import Lock
from uuid import UUID

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SPANS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)


class Checks(Collector):
    """`note` when it is known of a tenant, `keep` when others have taken some over.

    How long ago looks are is asked of `watch`ed memory: of all tenants, those too that nobody holds.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lock = Lock()
        self._looks: Callable[[], Mapping[str, datetime]] = dict
        self._unsound: set[UUID] = set()
        self._failed: set[UUID] = set()
        self._took = Histogram("everlog_check_seconds", "One look at a whole record.", buckets=SPANS, registry=registry)
        registry.register(self)

    def watch(self, looks: Callable[[], Mapping[str, datetime]]) -> None:
        self._looks = looks

    def note(self, tenant: UUID, *, sound: bool) -> None:
        """What the last look found, also one of before this process began."""
        with self._lock:
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

    def keep(self, tenants: AbstractSet[UUID]) -> None:
        with self._lock:
            self._unsound &= tenants
            self._failed &= tenants

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            unsound, failed = len(self._unsound), len(self._failed)
        words = "Tenants whose record was found not sound: alarm above 0."
        yield GaugeMetricFamily("everlog_check_unsound_tenants", words, value=unsound)
        words = "Tenants whose record could not be looked at: alarm above 0."
        yield GaugeMetricFamily("everlog_check_failed_tenants", words, value=failed)
        words = "Since the look that is longest ago: alarm above twice EVERLOG_CHECK_HOURS."
        last, now = min(self._looks().values(), default=None), datetime.now(UTC)
        age = max((now - last).total_seconds(), 0.0) if last else 0.0
        yield GaugeMetricFamily("everlog_check_age_seconds", words, value=age)

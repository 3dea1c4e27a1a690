"""How often requests were answered and how long it took: counted here, told to Prometheus when it asks.

The library's own counters take a lock for each number, and a histogram a number for each of its buckets.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Requests(Collector):
    """One event loop counts; whoever asks from another thread may miss the request that is being counted."""

    def __init__(self, registry: CollectorRegistry, buckets: Sequence[float]) -> None:
        self._buckets = tuple(buckets)
        self._names = [*map(floatToGoString, buckets), "+Inf"]
        self._open = 0
        self._answers: dict[tuple[str, str, int], int] = {}
        self._times: dict[tuple[str, str], Times] = {}
        registry.register(self)

    def began(self) -> None:
        self._open += 1

    def ended(self) -> None:
        self._open -= 1

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        answer = (method, route, status)
        self._answers[answer] = self._answers.get(answer, 0) + 1
        times = self._times.get((method, route))
        if times is None:
            times = self._times[method, route] = Times(len(self._names))
        times.sum += seconds
        times.counts[bisect_left(self._buckets, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        counted = CounterMetricFamily(
            "everlog_http_requests", "Requests answered.", labels=["method", "route", "status"]
        )
        for (method, route, status), count in list(self._answers.items()):
            counted.add_metric([method, route, str(status)], count)
        yield counted
        timed = HistogramMetricFamily(
            "everlog_http_seconds", "From a request to its answer's first byte.", labels=["method", "route"]
        )
        for (method, route), times in list(self._times.items()):
            timed.add_metric([method, route], list(zip(self._names, times.cumulated(), strict=True)), times.sum)
        yield timed
        words = "Requests being answered, live streams among them."
        yield GaugeMetricFamily("everlog_http_open", words, value=self._open)


class Times:
    """Of one route: how many took how long, by bucket, and the sum of their seconds."""

    __slots__ = ("counts", "sum")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.sum = 0.0

    def cumulated(self) -> list[int]:
        total, found = 0, []
        for count in self.counts:
            total += count
            found.append(total)
        return found

"""The `eventsourcing` library's ways to read: its recorder's notifications, its notification log, and one aggregate."""

import time
from collections.abc import Iterator
from typing import Any, Self
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from benchmarks import calls
from benchmarks.kernel import Figures
from benchmarks.peers.library import settings

AT_ONCE = 1000


class Watched(Aggregate):
    @event("Begun")
    def __init__(self, name: str, email: str) -> None:
        self.name, self.email = name, email

    @event("Observed")
    def observe(self, kind: str, strength: float, codes: list[str]) -> None:
        self.observed = kind, strength, codes


class Watch(Application[UUID]):
    pass


class Reader:
    """An application whose log holds so many events, in aggregates of `each`; closed when the block ends."""

    def __init__(self, url: str) -> None:
        self._app = Watch(settings(url))
        self._last = UUID(int=0)
        self.events = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._app.close()

    def fill(self, events: int, each: int) -> None:
        for number in range(0, events, each):
            watched = Watched(f"Person {number}", f"person{number}@example.org")
            for _ in range(each - 1):
                watched.observe("page-viewed", 0.5, ["pricing"])
            self._app.save(watched)
            self._last = watched.id
        self.events = self._app.recorder.max_notification_id() or 0

    def replay(self) -> Figures:
        """Events per second as the recorder hands them over, and as the log's notifications decoded to events."""
        return {"rate": self._rate(self._selected()), "log": self._rate(self._logged())}

    def load(self, seconds: float) -> Figures:
        """Events per second of the last aggregate, again and again: its events, decoded."""

        def load() -> int:
            return sum(1 for _ in self._app.events.get(self._last))

        return calls.threads(1, seconds, load)

    def _rate(self, events: Iterator[Any]) -> float:
        began = time.perf_counter()
        count = sum(1 for _ in events)
        assert count == self.events
        return count / (time.perf_counter() - began)

    def _selected(self) -> Iterator[Any]:
        start = 1
        while page := self._app.recorder.select_notifications(start, AT_ONCE):
            yield from page
            start = page[-1].id + 1

    def _logged(self) -> Iterator[Any]:
        start = 1
        while page := self._app.notification_log.select(start, 10):
            for each in page:
                yield self._app.mapper.to_domain_event(each)
            start = page[-1].id + 1

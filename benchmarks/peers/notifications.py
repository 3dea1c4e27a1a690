"""The `eventsourcing` library's ways to read: its recorder's notifications, its notification log, and one aggregate."""

import time
from collections.abc import Iterator
from typing import Any, Self
from uuid import UUID

import psycopg
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
    log_section_size = AT_ONCE


class Reader:
    """An application, filled when it is first asked; closed when the block ends."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._app = Watch(settings(url))
        self._last = UUID(int=0)
        self.events = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._app.close()

    def replay(self, events: int, each: int) -> Figures:
        """Events per second as the recorder hands them over, and as the log's notifications decoded to events."""
        self._fill(events, each)
        return {"rate": self._rate(self._selected()), "log": self._rate(self._logged())}

    def load(self, events: int, each: int, seconds: float) -> Figures:
        """Events per second of one aggregate of `each`, again and again: its events decoded, and folded as well."""
        self._fill(events, each)

        def decoded() -> int:
            met = sum(1 for _ in self._app.events.get(self._last))
            assert met == each
            return met

        def folded() -> int:
            aggregate: Aggregate = self._app.repository.get(self._last)
            assert aggregate.version == each
            return each

        rate = calls.threads(1, seconds, decoded)["rate"]
        return {"rate": rate, "folded": calls.threads(1, seconds, folded)["rate"]}

    def _fill(self, events: int, each: int) -> None:
        """Once: other jobs' events of this application go first."""
        if self.events:
            return
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("truncate watch_events restart identity")
        for number in range(0, events, each):
            watched = Watched(f"Person {number}", f"person{number}@example.org")
            for _ in range(each - 1):
                watched.observe("page-viewed", 0.5, ["pricing"])
            self._app.save(watched)
            self._last = watched.id
        self.events = events

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
        while page := self._app.notification_log.select(start, AT_ONCE):
            for each in page:
                yield self._app.mapper.to_domain_event(each)
            start = page[-1].id + 1

"""The `eventsourcing` library's projection runner, with a view in PostgreSQL as its documentation writes one.

Its runner hands over one event at a time, and the view records each with its position in one transaction.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.utils import get_topic
from psycopg import Cursor

from benchmarks.kernel import Figures
from benchmarks.peers import tables
from benchmarks.peers.library import settings
from benchmarks.peers.notify import tail

SCHEMA = "library_views"
PER_PROSPECT = 5
"""Events of one prospect: captured, a signal, its prediction, a stage, an outcome."""
_SAVED_AT_ONCE = 50


class Prospect(Aggregate):
    @event("Captured")
    def __init__(self, name: str, email: str, industry: str) -> None:
        self.name, self.email, self.industry, self.stage = name, email, industry, "new"

    @event("Observed")
    def observe(self, kind: str, strength: float, codes: list[str]) -> None:
        self.observed = kind, strength, codes

    @event("Moved")
    def move(self, left: str, entered: str) -> None:
        self.left, self.stage = left, entered

    @event("Won")
    def win(self, left: str, value: int, currency: str) -> None:
        self.won = left, value, currency


class Prediction(Aggregate):
    @event("Made")
    def __init__(self, prospect: UUID, number: int, probability: float, likely: list[str], digest: str) -> None:
        self.prospect, self.number, self.probability, self.likely, self.digest = (
            prospect, number, probability, likely, digest,
        )  # fmt: skip


class Prospects(Application[UUID]):
    pass


class View(PostgresTrackingRecorder):
    until: ClassVar[int]
    reached: ClassVar[threading.Event]
    """Set when the event `until` is written: the library's own `wait` looks only now and then."""
    seen: ClassVar[dict[int, float]]
    """When each event's rows were committed, by the monotonic clock of figures."""

    def write(self, tracking: Tracking, statements: list[tuple[str, tuple[Any, ...]]]) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            for sql, params in statements:
                _prepared(cursor, sql, params)
            self._insert_tracking(cursor, tracking)
        self.seen[tracking.notification_id] = time.perf_counter()
        if tracking.notification_id >= self.until:
            self.reached.set()


def _prepared(cursor: Cursor[Any], sql: str, params: tuple[Any, ...]) -> None:
    cursor.execute(sql.format(s=SCHEMA).encode(), params, prepare=True)


_CAPTURED = """insert into {s}.prospects
    (id, name, email, industry, captured_at, changed_at, version, signals, notes, stage)
    values (%s, %s, %s, %s, %s, %s, 1, 0, 0, 'new')"""
_FUNNEL = """insert into {s}.funnel as f values (%s, %s, %s, %s)
    on conflict (day, stage, industry) do update set change = f.change + excluded.change"""
_MOVED = """with moved as (update {s}.prospects set stage = %s, version = %s, changed_at = %s where id = %s
    returning industry)
    insert into {s}.funnel as f select %s, x.stage, moved.industry, x.change
    from moved, (values (%s, -1), (%s, 1)) as x (stage, change)
    on conflict (day, stage, industry) do update set change = f.change + excluded.change"""
_SCORES = """insert into {s}.scores as t values (%s, 'prospects.conversion', %s, %s, %s, %s, %s)
    on conflict (day, model, bin, outcome, size, covered) do update set change = t.change + excluded.change"""
_SETTLED = """with settled as (update {s}.book set outcome = 'won' where prospect = %s and outcome = ''
    returning floor(probability * 1000)::int as bin)
    insert into {s}.scores as t select %s, 'prospects.conversion', settled.bin, x.outcome, 1, x.covered, x.change
    from settled, (values ('', false, -1), ('won', true, 1)) as x (outcome, covered, change)
    on conflict (day, model, bin, outcome, size, covered) do update set change = t.change + excluded.change"""
_AUDIT = """insert into {s}.audit (position, at, type, capability, resource, version)
    values (%s, %s, %s, %s, %s, %s)"""


class Follow(Projection[View]):
    name = "bench"

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        raise TypeError(domain_event, tracking)

    @process_event.register(Prospect.Captured)  # type: ignore[attr-defined] # the decorator makes the class
    def _captured(self, told: Any, tracking: Tracking) -> None:
        row = (told.originator_id, told.name.encode(), told.email.encode(), told.industry, *[told.timestamp] * 2)
        self.view.write(
            tracking,
            [
                (_CAPTURED, row),
                (_FUNNEL, (_day(told), "new", told.industry, 1)),
                _audit(told, tracking, "prospects"),
            ],
        )

    @process_event.register(Prospect.Observed)  # type: ignore[attr-defined] # the decorator makes the class
    def _observed(self, told: Any, tracking: Tracking) -> None:
        sql = "update {s}.prospects set signals = signals + 1, version = %s, changed_at = %s where id = %s"
        row = (told.originator_version, told.timestamp, told.originator_id)
        self.view.write(tracking, [(sql, row), _audit(told, tracking, "prospects")])

    @process_event.register(Prospect.Moved)  # type: ignore[attr-defined] # the decorator makes the class
    def _moved(self, told: Any, tracking: Tracking) -> None:
        self.view.write(tracking, [_stage(told, told.left, told.entered), _audit(told, tracking, "prospects")])

    @process_event.register(Prospect.Won)  # type: ignore[attr-defined] # the decorator makes the class
    def _won(self, told: Any, tracking: Tracking) -> None:
        settled = (_SETTLED, (told.originator_id, _day(told)))
        self.view.write(tracking, [_stage(told, told.left, "won"), settled, _audit(told, tracking, "prospects")])

    @process_event.register(Prediction.Made)  # type: ignore[attr-defined] # the decorator makes the class
    def _made(self, told: Any, tracking: Tracking) -> None:
        sql = """insert into {s}.book (id, prospect, model, number, at, probability, likely, digest, outcome)
            values (%s, %s, 'prospects.conversion', %s, %s, %s, %s, %s, '')"""
        likely = json.dumps(told.likely)
        row = (told.originator_id, told.prospect, told.number, told.timestamp, told.probability, likely, told.digest)
        scored = (_SCORES, (_day(told), int(told.probability * 1000), "", 1, False, 1))
        self.view.write(tracking, [(sql, row), scored, _audit(told, tracking, "predictions")])


def _day(told: Any) -> date:
    at: datetime = told.timestamp
    return at.date()


def _stage(told: Any, left: str, entered: str) -> tuple[str, tuple[Any, ...]]:
    moved = (entered, told.originator_version, told.timestamp, told.originator_id, _day(told), left, entered)
    return _MOVED, moved


def _audit(told: Any, tracking: Tracking, capability: str) -> tuple[str, tuple[Any, ...]]:
    kind = type(told).__qualname__
    row = (tracking.notification_id, told.timestamp, kind, capability, told.originator_id, told.originator_version)
    return _AUDIT, row


class Runner:
    """An application with so many events, and its projection, built anew in each turn."""

    def __init__(self, url: str, events: int) -> None:
        self._url = url
        self._environment = settings(url) | {"TRACKING_RECORDER_TOPIC": get_topic(View)}
        self.events = events // PER_PROSPECT * PER_PROSPECT
        self._fill()

    def _fill(self) -> None:
        app = Prospects(self._environment)
        saved: list[Aggregate] = []
        for number in range(self.events // PER_PROSPECT):
            prospect = Prospect(f"Person {number}", f"person{number}@example.org", f"industry {number % 10}")
            prospect.observe("application", 1.0, ["sponsor:2B", "value-band:B"])
            saved += [prospect, Prediction(prospect.id, number, number % 1000 / 1000, ["won"], "0" * 64)]
            prospect.move("new", "met")
            prospect.win("met", 1000, "EUR")
            if len(saved) >= _SAVED_AT_ONCE:
                app.save(*saved)
                saved = []
        app.save(*saved)
        app.close()

    def catch_up(self) -> Figures:
        """Events per second from an empty view to all of them."""
        began = time.perf_counter()
        with self._following(self.events):
            spent = time.perf_counter() - began
        assert tables.size(self._url, SCHEMA, "audit") == self.events
        return {"rate": self.events / spent}

    def lag(self, rate: int, seconds: float) -> Figures:
        """p50 and p99 in milliseconds from an event's being saved until its rows are committed, at so many a second."""
        app = Prospects(self._environment)
        count, saved = max(rate, int(rate * seconds)), dict[int, float]()
        with self._following(app.recorder.max_notification_id() or 0) as runner:
            View.until, View.reached = (app.recorder.max_notification_id() or 0) + count, threading.Event()
            began = time.perf_counter()
            for number in range(count):
                time.sleep(max(0.0, began + number / rate - time.perf_counter()))
                [recorded] = app.save(Prospect(f"Person {number}", f"person{number}@example.org", "industry"))
                saved[recorded.notification.id] = time.perf_counter()
            _awaited(runner)
        app.close()
        return tail([max(0.0, View.seen[id] - at) * 1000 for id, at in saved.items()])

    @contextmanager
    def _following(self, until: int) -> Iterator[ProjectionRunner[Any, Any]]:
        """The runner, once its view has come from nothing to the event `until`."""
        tables.make(self._url, SCHEMA)
        # Under another name the projection begins at the first event again.
        follow = type("Follow", (Follow,), {"name": f"bench{uuid4().hex[:8]}"})
        View.until, View.reached, View.seen = until, threading.Event(), {}
        with ProjectionRunner(
            application_class=Prospects, projection_class=follow, view_class=View, env=self._environment
        ) as runner:
            if until:
                _awaited(runner)
            yield runner


def _awaited(runner: ProjectionRunner[Any, Any]) -> None:
    while not View.reached.wait(1) and not runner.is_interrupted.is_set():
        pass

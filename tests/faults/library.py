"""The `eventsourcing` library's own recorder in its mode of database functions: the tail race's control."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from uuid import uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresFactory
from eventsourcing.utils import Environment

from benchmarks.peers.library import settings

PAGE = 200


class Library:
    """For threads; `close` it."""

    def __init__(self, url: str) -> None:
        given = settings(url) | {"POSTGRES_ENABLE_DB_FUNCTIONS": "y", "POSTGRES_POOL_SIZE": "16"}
        self._factory = PostgresFactory(Environment(f"control{uuid4().hex[:8]}", given))
        self._recorder = self._factory.application_recorder()

    def close(self) -> None:
        self._factory.close()

    def append(self, dice: Random) -> list[int]:
        events = [StoredEvent(uuid4(), 1, "tests:Happened", b"body") for _ in range(dice.randint(1, 3))]
        return list(self._recorder.insert_events(events) or ())

    def after(self, number: int, upto: int | None = None) -> list[int]:
        page = self._recorder.select_notifications(number, PAGE, upto, inclusive_of_start=False)
        return [each.id for each in page]

    def greatest(self) -> int:
        return self._recorder.max_notification_id() or 0

    @contextmanager
    def follow(self, start: int) -> Iterator[Iterator[int]]:
        with self._recorder.subscribe(start or None) as subscription:
            yield (each.id for each in subscription)

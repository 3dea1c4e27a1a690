"""The `eventsourcing` library's own PostgreSQL recorder, as its documentation sets it up."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresFactory
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict

from benchmarks.kernel import Figures

POOL = 10
"""Connections. Its table lock lets one caller write at a time, and more of them made it slower here."""


def settings(url: str) -> dict[str, str]:
    """The library's environment for a database."""
    where = conninfo_to_dict(url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(where["dbname"]),
        "POSTGRES_HOST": str(where["host"]),
        "POSTGRES_PORT": str(where["port"]),
        "POSTGRES_USER": str(where["user"]),
        "POSTGRES_PASSWORD": str(where["password"]),
        "POSTGRES_POOL_SIZE": str(POOL),
        "POSTGRES_MAX_OVERFLOW": "0",
        "POSTGRES_CONNECT_TIMEOUT": "60",
    }


class Library:
    """A recorder with its pool, until `close`."""

    def __init__(self, url: str, state: bytes) -> None:
        self._factory = PostgresFactory(Environment("bench", settings(url)))
        self._recorder = self._factory.application_recorder()
        assert isinstance(self._recorder, PostgresApplicationRecorder)
        self._state = state

    def close(self) -> None:
        self._factory.close()

    def append(self, callers: int, batch: int, seconds: float) -> Figures:
        """Events per second of so many threads, each of which appends batches, one after the other."""
        stop = time.perf_counter() + seconds
        ready = threading.Barrier(callers)

        def caller() -> int:
            done = 0
            ready.wait()
            while time.perf_counter() < stop:
                self._recorder.insert_events(self._events(batch))
                done += batch
            return done

        began = time.perf_counter()
        with ThreadPoolExecutor(callers) as pool:
            total = sum(future.result() for future in [pool.submit(caller) for _ in range(callers)])
        return {"rate": total / (time.perf_counter() - began)}

    def _events(self, count: int) -> Sequence[StoredEvent]:
        stream = uuid4()
        return [StoredEvent(stream, version, "prospects.captured", self._state) for version in range(1, count + 1)]

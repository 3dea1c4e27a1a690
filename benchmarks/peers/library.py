"""The `eventsourcing` library's own PostgreSQL recorder, as its documentation sets it up."""

from collections.abc import Sequence
from uuid import uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresFactory
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict

from benchmarks import calls
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

    def __init__(self, url: str) -> None:
        self._factory = PostgresFactory(Environment("bench", settings(url)))
        self._recorder = self._factory.application_recorder()
        assert isinstance(self._recorder, PostgresApplicationRecorder)

    def close(self) -> None:
        self._factory.close()

    def append(self, callers: int, batch: int, seconds: float, state: bytes) -> Figures:
        """Events per second of so many threads, each of which appends batches, one after the other."""

        def append() -> int:
            self._recorder.insert_events(_events(batch, state))
            return batch

        return calls.threads(callers, seconds, append)


def _events(count: int, state: bytes) -> Sequence[StoredEvent]:
    """A new stream's."""
    stream = uuid4()
    return [StoredEvent(stream, version, "prospects.captured", state) for version in range(1, count + 1)]

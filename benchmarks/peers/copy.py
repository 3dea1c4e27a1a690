"""COPY into a table with our keys: what PostgreSQL takes when nothing is checked or encrypted.

The rows have the columns and the bytes of ours, encoded beforehand, so that a turn does little but send and commit.
"""

import struct
import threading
from datetime import UTC, datetime
from itertools import count
from queue import SimpleQueue
from uuid import UUID, uuid4

import psycopg

from benchmarks import calls
from benchmarks.kernel import Figures

TABLE = """create table if not exists bare (
    tenant_id uuid not null, position bigint not null, stream text collate "C" not null, version bigint not null,
    type text not null, event_id uuid not null, recorded_at timestamptz not null,
    meta bytea not null, body bytea not null, salt bytea not null,
    primary key (tenant_id, position), unique (tenant_id, stream, version))"""
_COPY = "copy bare from stdin (format binary)"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_LONG = struct.Struct(">q")
_TENANT = UUID(int=9)
_POSITIONS = count()
"""Of batches: no two rows of one run of the benchmarks share a position."""


class Rows:
    """A binary COPY message of so many rows with so many bytes of `meta` and `body`: a new stream each time."""

    def __init__(self, rows: int, meta: int, body: int) -> None:
        self._rows = rows
        self._message = bytearray(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
        self._positions: list[int] = []
        self._streams: list[int] = []
        now = int((datetime(2026, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()) * 1_000_000
        for version in range(1, rows + 1):
            stream = f"prospects/{_TENANT}".encode()
            fields = [_TENANT.bytes, _LONG.pack(0), stream, _LONG.pack(version), b"prospects.captured"]
            fields += [_TENANT.bytes, _LONG.pack(now), b"m" * meta, b"b" * body, b"s" * 16]
            self._message += struct.pack(">h", len(fields))
            for number, field in enumerate(fields):
                self._message += struct.pack(">i", len(field))
                if number in {1, 2}:
                    (self._streams if number == 2 else self._positions).append(len(self._message))
                self._message += field
        self._message += struct.pack(">h", -1)

    def fresh(self) -> bytes:
        first, stream = next(_POSITIONS) * self._rows, f"prospects/{uuid4()}".encode()
        for number, (position, name) in enumerate(zip(self._positions, self._streams, strict=True)):
            _LONG.pack_into(self._message, position, first + number)
            self._message[name : name + len(stream)] = stream
        return bytes(self._message)


def append(url: str, callers: int, batch: int, meta: int, body: int, seconds: float) -> Figures:
    """Rows per second of so many connections, each of which copies and commits one message after the other."""
    connections = [psycopg.connect(url, autocommit=True) for _ in range(callers)]
    free: SimpleQueue[tuple[psycopg.Connection, Rows]] = SimpleQueue()
    for connection in connections:
        free.put((connection, Rows(batch, meta, body)))
    mine = threading.local()

    def append() -> int:
        if not hasattr(mine, "connection"):
            mine.connection, mine.rows = free.get()
        with mine.connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.write(mine.rows.fresh())
        return batch

    try:
        return calls.threads(callers, seconds, append)
    finally:
        for connection in connections:
            connection.close()

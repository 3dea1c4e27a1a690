"""COPY into a bare table: what PostgreSQL takes when nothing is checked, keyed or encrypted.

The rows have the columns and the bytes of ours, encoded beforehand, so that a turn does nothing but send and commit.
"""

import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import psycopg

from benchmarks.kernel import Figures

TABLE = """create table if not exists bare (
    tenant_id uuid, position bigint, stream text, version bigint, type text, event_id uuid, recorded_at timestamptz,
    meta bytea, body bytea, salt bytea)"""
_COPY = "copy bare from stdin (format binary)"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def rows(count: int, meta: int, body: int) -> bytes:
    """A whole binary COPY message of so many rows, each with so many bytes of `meta` and `body`."""
    tenant, stream = UUID(int=9).bytes, b"prospects/00000000-0000-4000-8000-000000000009"
    now = struct.pack(">q", int((datetime(2026, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()) * 1_000_000)
    out = bytearray(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
    for number in range(1, count + 1):
        long = struct.pack(">q", number)
        fields = [tenant, long, stream, long, b"prospects.captured", tenant, now]
        fields += [b"m" * meta, b"b" * body, b"s" * 16]
        out += struct.pack(">h", len(fields))
        for field in fields:
            out += struct.pack(">i", len(field)) + field
    return bytes(out + struct.pack(">h", -1))


def append(url: str, callers: int, batch: int, message: bytes, seconds: float) -> Figures:
    """Rows per second of so many connections, each of which copies and commits one message after the other."""
    connections = [psycopg.connect(url, autocommit=True) for _ in range(callers)]
    ready = threading.Barrier(callers)
    stop = time.perf_counter() + seconds

    def caller(connection: psycopg.Connection) -> int:
        done = 0
        with connection, connection.cursor() as cursor:
            ready.wait()
            while time.perf_counter() < stop:
                with cursor.copy(_COPY) as copy:
                    copy.write(message)
                done += batch
        return done

    began = time.perf_counter()
    with ThreadPoolExecutor(callers) as pool:
        total = sum(pool.map(caller, connections))
    return {"rate": total / (time.perf_counter() - began)}

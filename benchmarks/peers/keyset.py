"""Bare selects with msgspec: the least that reading a log, or one stream of it, and decoding it can cost in Python.

They are a superuser's: no wall, no upcasting, personal values left the boxes that they are.
"""

import time
from typing import Any
from uuid import UUID

import psycopg

from benchmarks import calls
from benchmarks.kernel import Figures
from benchmarks.peers.cursor import decode

_PAGE = b"""select position, stream, version, type, recorded_at, meta, body from everlog.events
    where tenant_id = %s and position > %s order by position limit %s"""
_STREAM = b"""select position, stream, version, type, recorded_at, meta, body from everlog.events
    where tenant_id = %s and stream = %s order by version"""
AT_ONCE = 5000


def replay(url: str, tenant: UUID, expected: int) -> Figures:
    """Events per second of a whole log, page by page by its key."""
    began, count, after = time.perf_counter(), 0, 0
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor(binary=True) as cursor:
        while rows := cursor.execute(_PAGE, [tenant, after, AT_ONCE], prepare=True).fetchall():
            _decode(rows)
            count += len(rows)
            after = rows[-1][0]
    spent = time.perf_counter() - began
    assert count == expected
    return {"rate": count / spent}


def load(url: str, tenant: UUID, stream: str, seconds: float) -> Figures:
    """Events per second of one stream, again and again."""
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor(binary=True) as cursor:

        def load() -> int:
            rows = cursor.execute(_STREAM, [tenant, stream], prepare=True).fetchall()
            _decode(rows)
            return len(rows)

        return calls.threads(1, seconds, load)


def _decode(rows: list[tuple[Any, ...]]) -> None:
    for row in rows:
        decode(row[5], row[6])

"""Bare selects with msgspec: the least that reading a log, or one stream of it, and decoding it can cost in Python.

They are a superuser's: no wall, no upcasting, personal values left the boxes that they are.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from benchmarks import calls
from benchmarks.kernel import Figures
from benchmarks.peers.cursor import decode, fact

_PAGE = b"""select position, stream, version, type, recorded_at, meta, body from everlog.events
    where tenant_id = %s and position > %s order by position limit %s"""
_STREAM = b"""select position, stream, version, type, recorded_at, meta, body from everlog.events
    where tenant_id = %s and stream = %s order by version"""
Row = tuple[Any, ...]
AT_ONCE = 1000
"""Rows of a page: more of them leave the processor's cache before they are decoded."""


def replay(url: str, tenant: UUID, expected: int) -> Figures:
    """Events per second of a whole log, page by page by its key: facts alone decoded, and their metadata too."""
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor(binary=True) as cursor:

        def pages() -> Iterator[list[Row]]:
            after = 0
            while rows := cursor.execute(_PAGE, [tenant, after, AT_ONCE], prepare=True).fetchall():
                yield rows
                after = rows[-1][0]

        figures = {}
        for measure, decoded in (("rate", facts), ("whole", events)):
            began = time.perf_counter()
            assert sum(map(decoded, pages())) == expected
            figures[measure] = expected / (time.perf_counter() - began)
    return figures


def load(url: str, tenant: UUID, stream: str, seconds: float) -> Figures:
    """Events per second of one stream, again and again; the same two."""
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor(binary=True) as cursor:

        def load(decoded: Callable[[list[Row]], int]) -> int:
            return decoded(cursor.execute(_STREAM, [tenant, stream], prepare=True).fetchall())

        return {
            measure: calls.threads(1, seconds, partial(load, decoded))["rate"]
            for measure, decoded in (("rate", facts), ("whole", events))
        }


def facts(rows: list[Row]) -> int:
    """Decode each body; how many there were."""
    for row in rows:
        fact(row[6])
    return len(rows)


def events(rows: list[Row]) -> int:
    """Decode the metadata as well."""
    for row in rows:
        decode(row[5], row[6])
    return len(rows)

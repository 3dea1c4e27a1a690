"""A bare server-side cursor with msgspec: the least that reading a log and decoding it can cost in Python."""

import time
from typing import Union
from uuid import UUID

import msgspec
import psycopg

from adapters.codec import Codec
from adapters.codec.meta import STORED
from api.bootstrap import DECIDERS
from benchmarks.kernel import Figures

_READ = b"""select position, stream, version, type, recorded_at, meta, body from everlog.events
    where tenant_id = %s order by position"""
AT_ONCE = 5000


_twins = [each.twin for each in Codec(DECIDERS.values()).shapes.values()]
# The facts as they are stored: personal values stay the boxes that they are.
fact = msgspec.json.Decoder(Union[tuple(_twins)]).decode  # noqa: UP007 - the members are known at run time only
_meta = msgspec.json.Decoder(STORED).decode


def replay(url: str, tenant: UUID, expected: int) -> Figures:
    """Events per second, each row's metadata and body decoded to the types that ours become."""
    began, count = time.perf_counter(), 0
    with psycopg.connect(url) as connection, psycopg.ServerCursor(connection, "replay") as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(_READ, [tenant], binary=True)
        for row in cursor:
            decode(row[5], row[6])
            count += 1
    spent = time.perf_counter() - began
    assert count == expected
    return {"whole": count / spent}


def decode(meta: bytes, body: bytes) -> None:
    """To the types that ours become."""
    fact(body)
    _meta(meta)

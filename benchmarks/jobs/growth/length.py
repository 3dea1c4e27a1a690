"""The length of a log: appends and reads where a tenant has ever more events.

All but a few events are made by the server itself from one that the product recorded: ten million appends would take
longer than everything else. They have the columns, keys and streams of real ones.
"""

import time
from collections.abc import Iterator
from random import Random
from uuid import uuid4

import psycopg

from application.ports import Log
from benchmarks import calls, load
from benchmarks.jobs.growth.sizes import against_least, name
from benchmarks.kernel import OURS, Figures, Line, Session
from benchmarks.product import Product
from benchmarks.writer import Order, append
from domain.kernel import Actor, Meta
from domain.prospects import StageMoved

AXIS = "events in the tenant"
APPEND, READ, STREAM = "append, 8 writers", "pages of the log", "streams of 5 facts"
FLAT = 0.9
"""The ratio to the shortest log that still counts as flat."""
AT_ONCE = 100_000
PAGE = 1_000
_FILL = b"""insert into everlog.events
    select tenant_id, p, 'prospects/' || md5(%(tenant)s || ((p - 1) / 5)::text)::uuid, (p - 1) %% 5 + 1, type,
        gen_random_uuid(), recorded_at, meta, body, salt, generation
    from everlog.events, generate_series(%(first)s::bigint, %(last)s::bigint) as p
    where tenant_id = %(tenant)s::uuid and position = 1"""
_SHAPE = b"""select pg_total_relation_size(c.oid), pg_relation_filepath(i.indexrelid)
    from pg_class c join pg_index i on i.indrelid = c.oid
    where c.oid = (select tableoid from everlog.events where tenant_id = %s limit 1) order by i.indexrelid"""


def compared(product: Product, session: Session) -> Iterator[Line]:
    filled = _filled(product, session)
    product.settle()
    sizes = [size for size, _ in filled]
    notes = [_shape(product, log) for _, log in filled]

    def turn(seconds: float) -> Figures:
        figures: dict[str, float] = {}
        for size, log in filled:
            met = append(product.logs, Order([log.tenant], 8, 1, seconds))
            figures |= {name(APPEND, size): met["rate"], **_reads(log, size, seconds)}
        return figures

    turn(0.2)
    rounds = session.play({OURS: lambda: turn(session.scale.seconds / 3)})
    lines = (against_least(sizes, AXIS, what, "events/s", FLAT, notes) for what in (APPEND, READ, STREAM))
    yield from session.compared(rounds, *(versus for some in lines for versus in some))


def _reads(log: Log, size: int, seconds: float) -> Figures:
    """Events per second of pages from anywhere in the log, and of whole streams from anywhere in it."""
    dice = Random(size)

    def page() -> int:
        return len(log.read(dice.randrange(max(1, size - PAGE)), PAGE))

    def stream() -> int:
        (first,) = log.read(dice.randrange(1, size - 5), 1)
        return sum(1 for _ in log.stream(first.stream))

    return {
        name(READ, size): calls.threads(1, seconds, page)["rate"],
        name(STREAM, size): calls.threads(1, seconds, stream)["rate"],
    }


def _filled(product: Product, session: Session) -> list[tuple[int, Log]]:
    """Logs, and how many events each holds; the last is as long as there was time for."""
    until, filled = session.soon(), list[tuple[int, Log]]()
    for wanted in session.scale.log:
        session.say(f"making {wanted:,} events")
        log = product.logs.of(product.tenant())
        size = _fill(product, log, wanted, until)
        if not filled or size > filled[-1][0]:
            filled.append((size, log))
        if size < wanted:
            break
    return filled


def _fill(product: Product, log: Log, wanted: int, until: float) -> int:
    """The number of events that the log has come to when it is full, or the time is up."""
    meta = Meta(event=uuid4(), actor=Actor("key", load.CREDENTIAL), permission="prospects.move", rule="role:member")
    log.submit(f"prospects/{uuid4()}", 0, [StageMoved("new", "met")], meta).result()
    last = 1
    with psycopg.connect(product.superuser, autocommit=True) as connection:
        while last < wanted and (time.monotonic() < until or last < AT_ONCE):
            upto = min(wanted, (last // AT_ONCE + 1) * AT_ONCE)
            connection.execute(_FILL, {"tenant": str(log.tenant), "first": last + 1, "last": upto})
            last = upto
        connection.execute("update everlog.heads set position = %s where tenant_id = %s", [last, log.tenant])
    return last


def _shape(product: Product, log: Log) -> str:
    """The size of the partition that the tenant lies in, and how many levels its indexes have."""
    with psycopg.connect(product.superuser) as connection:
        rows = connection.execute(_SHAPE, [log.tenant]).fetchall()
        levels = [_levels(connection, path) for _, path in rows]
    return (
        f"partition of {rows[0][0] / 1e6:,.0f} MB with its indexes, which have {' and '.join(map(str, levels))} levels"
    )


def _levels(connection: psycopg.Connection, path: str) -> int:
    """Of a B-tree, as its first page on the disk has it: behind the head stand magic number, version, root, level."""
    row = connection.execute("select pg_read_binary_file(%s, 24, 16)", [path]).fetchone()
    assert row
    return 1 + int.from_bytes(row[0][12:16], "little")

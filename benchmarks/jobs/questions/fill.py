"""An organisation's trail as it is after months, beside others of the same size.

What stands first and last in it was recorded through the product and folded by its runner. Between them the server
itself copies the first part again and again, with other identifiers and times, in the log and in the views: a million
events that were recorded one by one would take longer than everything else. The copies have the rows, words and index
entries of real ones but no circumstances, which are sealed to the place where they were recorded.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
from msgspec import Struct

from adapters.postgres.spoken import spoken
from adapters.postgres.tables import sums, table
from application.ports import Log
from benchmarks import load
from benchmarks.history import Past
from benchmarks.jobs.questions.officers import Officers
from benchmarks.kernel import Session
from benchmarks.product import Product
from projections.audit import activity, actors, audit
from projections.builds import mark

SEED = 20_000
"""Events that are recorded before the copies, and after them; fewer where the whole is small."""
DAYS = 90
_VIEW = table(audit).name
_WORDS = f"everlog.{spoken(audit, 'a').table.name}"
_SUMS = (activity, actors)
_OTHER = "md5({} || %(copy)s)::uuid"
_MINED = frozenset({"resource", "event", "causation", "correlation", "subject"})
"""Columns of identifiers that are others in each copy."""


class Filled(Struct, frozen=True):
    own: int
    all: int
    since: datetime
    """When the first copies were made up to be recorded."""
    people: list[UUID]
    sessions: list[str]
    words: list[str]
    names: list[str]
    old: UUID
    """A prospect of the first events."""
    actor: UUID


def fill(product: Product, session: Session, tenant: UUID) -> Filled:
    own, every = session.scale.questions
    until = session.soon()
    seed = min(SEED, own // 4)
    log = product.logs.of(tenant)
    session.say(f"recording {seed:,} events")
    old = _record(product, log, seed, first=True)
    with psycopg.connect(product.superuser, autocommit=True) as connection:
        since = _copied(connection, log, own - seed, until, session)
        held = log.head()[1]
        session.say(f"recording {seed:,} events more")
        last = _record(product, log, seed)
        size = log.head()[1]
        others = _beside(connection, tenant, held, every - size, until, session)
    product.settle()
    return Filled(
        own=size,
        all=size + others,
        since=since,
        people=last.people,
        sessions=last.sessions,
        words=last.words,
        names=last.names,
        old=old.people[0],
        actor=load.CREDENTIAL,
    )


def _record(product: Product, log: Log, events: int, *, first: bool = False) -> Officers:
    """What prospects and officers do, through the product; folded by its runner."""
    officers, past = Officers(log), Past(log)
    if first:
        officers.look()
    while past.events + officers.events < events:
        past.grow(past.events + events // 10, until=time.monotonic() + 3600)
        officers.work(events // 40)
    with ThreadPoolExecutor(2) as threads:
        product.runner(log.tenant, threads).catch_up()
    return officers


def _copied(connection: psycopg.Connection, log: Log, upto: int, until: float, session: Session) -> datetime:
    """Copy what there is until the log holds so many events; when the first of all is said to be recorded."""
    seed = log.head()[1]
    copies = max(1, upto // seed)
    step = timedelta(days=DAYS) / (copies * seed)
    since = datetime.now(UTC) - timedelta(days=DAYS)
    values = {"tenant": log.tenant, "seed": seed, "since": since, "step": step}
    connection.execute("set session_replication_role = replica")
    for statement in (
        "update everlog.events set recorded_at = %(since)s + position * %(step)s where tenant_id = %(tenant)s",
        f"update everlog.{_VIEW} set at = %(since)s + position * %(step)s where tenant_id = %(tenant)s",
    ):
        connection.execute(statement.encode(), values)
    made = 1
    while made < copies and time.monotonic() < until:
        session.say(f"copying {made * seed:,} events")
        for statement in _statements(connection):
            connection.execute(statement.encode(), values | {"copy": str(made), "by": made * seed})
        made += 1
    last = made * seed
    connection.execute("update everlog.heads set position = %s where tenant_id = %s", [last, log.tenant])
    [recorded] = log.read(last - 1, 1)
    connection.execute(
        "update everlog.checkpoints set position = %s, mark = %s, at = %s where tenant_id = %s",
        [last, mark(recorded), recorded.at, log.tenant],
    )
    return since


def _statements(connection: psycopg.Connection) -> Iterator[str]:
    stream = "left(stream, -36) || " + _OTHER.format("right(stream, 36)")
    yield f"""insert into everlog.events
        select tenant_id, position + %(by)s::bigint, {stream}, version, type, gen_random_uuid(),
            %(since)s + (position + %(by)s::bigint) * %(step)s, meta, body, salt, generation
        from everlog.events where tenant_id = %(tenant)s and position <= %(seed)s::bigint"""
    columns = _columns(connection, _VIEW)
    changed = {"position": "position + %(by)s::bigint", "at": "%(since)s + (position + %(by)s::bigint) * %(step)s"}
    changed |= {name: _OTHER.format(f"{name}::text") for name in _MINED}
    changed |= {name: "null" for name in columns if name.startswith("circumstances")}
    chosen = ", ".join(changed.get(name, f'"{name}"') for name in columns)
    yield f"""insert into everlog.{_VIEW} select {chosen} from everlog.{_VIEW}
        where tenant_id = %(tenant)s and position <= %(seed)s::bigint"""
    named = "convert_to('@' || " + _OTHER.format("substr(convert_from(token, 'UTF8'), 2)") + "::text, 'UTF8')"
    yield f"""insert into {_WORDS} select tenant_id, case when substr(token, 1, 1) = '@'::bytea
        then {named} else token end, position + %(by)s::bigint, subject
        from {_WORDS} where tenant_id = %(tenant)s and position <= %(seed)s::bigint on conflict do nothing"""
    for each in _SUMS:
        groups = ", ".join(f'"{name}"' for name, _ in each.columns)
        numbers = ", ".join(map(str, range(1, 3 + len(each.columns))))
        kinds = ", ".join(f"coalesce(\"{name}\", '')" if kind is str else f'"{name}"' for name, kind in each.columns)
        yield f"""insert into everlog.{sums(each, "a").name} as stands select tenant_id, at::date, {kinds},
            count(*) from everlog.{_VIEW} where tenant_id = %(tenant)s and position > %(by)s::bigint
            and position <= %(by)s::bigint + %(seed)s::bigint group by {numbers}
            on conflict (tenant_id, day, {groups}) do update set change = stands.change + excluded.change"""


def _beside(
    connection: psycopg.Connection, tenant: UUID, held: int, wanted: int, until: float, session: Session
) -> int:
    """Other organisations, each a copy of this one; how many events they have come to."""
    tables = {f"everlog.{_VIEW}": "position <= %(upto)s", "everlog.events": "position <= %(upto)s"}
    tables |= {_WORDS: "position <= %(upto)s"}
    made = 0
    while made < wanted and time.monotonic() < until:
        session.say(f"{made:,} events of other organisations")
        upto = min(held, wanted - made)
        values = {"tenant": tenant, "other": uuid4(), "upto": upto}
        for name, where in tables.items():
            columns = _columns(connection, name.removeprefix("everlog."))
            chosen = ", ".join("%(other)s" if each == "tenant_id" else f'"{each}"' for each in columns)
            copy = f"insert into {name} select {chosen} from {name} where tenant_id = %(tenant)s and {where}"
            connection.execute(copy.encode(), values)
        made += upto
    return made


def _columns(connection: psycopg.Connection, name: str) -> list[str]:
    rows = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped"
        " order by attnum",
        [f"everlog.{name}"],
    ).fetchall()
    return [column for (column,) in rows]

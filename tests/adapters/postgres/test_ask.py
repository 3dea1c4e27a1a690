import asyncio
from uuid import uuid4

import psycopg
import pytest

from adapters.postgres import ask
from adapters.postgres.database import Database, found

WHOSE = "select nullif(current_setting('app.tenant', true), '')"


@pytest.fixture
def single(migrated):
    """A database whose threads share one connection, so that each statement meets what the last one left."""
    with Database(migrated.addresses.app, size=1) as database:
        yield database


def left_behind(database):
    with database._pool().connection() as connection:
        return connection.execute(WHOSE).fetchone()[0], connection.info.transaction_status.name


def test_the_tenant_is_set_for_the_statement_and_no_longer(single):
    tenant = uuid4()
    assert single.query(tenant, WHOSE) == [(str(tenant),)]
    assert left_behind(single) == (None, "IDLE")


def test_values_of_every_kind_come_back(single):
    sent = {"n": None, "i": 2**40, "f": 0.1, "t": "ü", "b": bytes(range(256)), "u": uuid4(), "a": ["x", "y"]}
    sql = "select %(n)s::text, %(i)s::bigint, %(f)s::float8, %(t)s::text, %(b)s::bytea, %(u)s::uuid, %(a)s::text[]"
    assert single.query(uuid4(), sql, sent) == [tuple(sent.values())]


def test_the_same_statement_with_other_types_is_another(single):
    sql = "select pg_typeof(%s)::text"
    assert [single.query(uuid4(), sql, [value]) for value in (1, uuid4(), b"")] == [
        [("smallint",)],
        [("uuid",)],
        [("bytea",)],
    ]


def test_a_failed_statement_leaves_nothing_behind(single):
    tenant = uuid4()
    for _ in range(3):
        with pytest.raises(psycopg.errors.DivisionByZero):
            single.query(tenant, "select 1 / %s", [0])
        with pytest.raises(psycopg.errors.UndefinedTable):
            single.query(tenant, "select * from nowhere")
        assert left_behind(single) == (None, "IDLE")
    assert single.query(tenant, "select 1 / %s", [1]) == [(1,)]


def test_a_failed_write_is_undone(single):
    tenant = uuid4()
    found(single, tenant)
    with pytest.raises(psycopg.errors.DivisionByZero):
        single.query(tenant, "update heads set position = 1 / (position - position)")
    assert single.query(tenant, "select position from heads") == [(0,)]


def test_a_connection_keeps_a_limited_number_of_statements(single, monkeypatch):
    monkeypatch.setattr(ask, "_HELD", 5)
    tenant = uuid4()
    for turn in range(3):
        for number in range(8):
            assert single.query(tenant, f"select {number}, %s::int", [turn]) == [(number, turn)]
    kept = single.query(tenant, "select count(*) from pg_prepared_statements where name like 'everlog%%'")
    assert kept == [(5,)]


def test_a_table_that_changes_under_a_statement_is_read_as_it_is_now(servers, single):
    with psycopg.connect(servers.addresses.superuser, autocommit=True) as superuser:
        superuser.execute("create table public.changing as select 1 as a")
        superuser.execute("grant select on public.changing to everlog_app")
        try:
            assert single.query(uuid4(), "select * from public.changing") == [(1,)]
            superuser.execute("alter table public.changing add b int")
            assert single.query(uuid4(), "select * from public.changing") == [(1, None)]
        finally:
            superuser.execute("drop table public.changing")


def test_statements_that_psycopg_dropped_are_made_anew(single):
    tenant = uuid4()
    assert single.query(tenant, WHOSE) == [(str(tenant),)]
    with single._pool().connection() as connection:
        connection.execute("deallocate all")
    assert single.query(tenant, WHOSE) == [(str(tenant),)]


def test_a_lost_connection_is_an_error_and_the_pool_has_another(servers, single):
    pid = single.query(uuid4(), "select pg_backend_pid()")[0][0]
    with psycopg.connect(servers.addresses.superuser, autocommit=True) as superuser:
        superuser.execute("select pg_terminate_backend(%s, 5000)", [pid])
    with pytest.raises(psycopg.OperationalError):
        single.query(uuid4(), "select 1")
    assert single.query(uuid4(), "select 1") == [(1,)]


def test_cancelled_on_the_event_loop_nothing_is_left_behind(migrated):
    async def cancelled():
        database = Database(migrated.addresses.app, size=1)
        await database.start()
        try:
            tenant = uuid4()
            for delay in (0, 0.001, 0.05, 0.2):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(delay):
                        await database.fetch(tenant, "select pg_sleep(5)")
                assert await database.fetch(uuid4(), "select %s::text", ["next"]) == [("next",)]
            other = uuid4()
            assert await asyncio.gather(*(database.fetch(other, WHOSE) for _ in range(20))) == [[(str(other),)]] * 20
        finally:
            await database.stop()

    asyncio.run(cancelled())

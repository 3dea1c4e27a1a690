"""A connection goes back to its pool without a tenant, however its transaction ended."""

import asyncio
from uuid import uuid4

import psycopg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.link import Link
from tests.adapters.postgres.atoms import atom, stream, together

STANDS = "select current_setting('app.tenant', true)"


@pytest.fixture
def single(migrated):
    """A pool of one connection, so that whoever comes next gets the very same."""
    with Database(migrated.addresses.app, size=1) as database:
        yield database


def left_behind(database):
    return database.call(STANDS)[0][0] or ""


def test_after_a_transaction(single, tenant):
    with single.transaction(tenant) as connection:
        assert connection.execute(STANDS).fetchone()[0] == str(tenant)
    assert left_behind(single) == ""


def test_after_a_query(single, tenant):
    assert single.query(tenant, STANDS)[0][0] == str(tenant)
    assert left_behind(single) == ""


def test_after_an_append_whatever_follows_in_its_transaction(migrated, database, tenant):
    link = Link(migrated.addresses.app)
    assert together(link, tenant, atom(stream(), 1))[0].last == 1
    connection = link._connection
    assert connection
    with connection.transaction():
        assert together(link, tenant, atom(stream(), 1))[0].last == 2
        assert connection.execute(STANDS).fetchall() == [("",)]
    link.close()


def test_after_a_function_that_sets_the_tenant(single, tenant):
    single.call("select * from everlog.read_log(%s, 0, 10, 10)", [tenant])
    assert left_behind(single) == ""


def test_after_an_error_of_ours(single, tenant):
    with pytest.raises(ZeroDivisionError), single.transaction(tenant):
        raise ZeroDivisionError
    assert left_behind(single) == ""


def test_after_an_error_of_the_servers(single, tenant):
    with pytest.raises(psycopg.errors.DivisionByZero), single.transaction(tenant) as connection:
        connection.execute("select 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        single.query(tenant, "select 1 / 0")
    assert left_behind(single) == ""


def test_after_a_statement_that_was_cancelled(single, tenant):
    hurried = "select set_config('statement_timeout', '20ms', true), pg_sleep(0)"
    with pytest.raises(psycopg.errors.QueryCanceled), single.transaction(tenant) as connection:
        sleep_after(connection, hurried)
    assert left_behind(single) == ""


def sleep_after(connection, statement):
    connection.execute(statement)
    connection.execute("select pg_sleep(10)")


def test_after_tasks_that_were_cancelled(migrated, tenant):
    async def cancelled_everywhere():
        database = Database(migrated.addresses.app, size=1)
        await database.start()
        found = []
        try:
            for patience in (0.0, 0.001, 0.02, 0.1):
                for body in (sleeping_in_a_transaction, sleeping_in_a_query):
                    task = asyncio.create_task(body(database, tenant))
                    await asyncio.sleep(patience)
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    found.append((await database.acall(STANDS))[0][0] or "")
        finally:
            await database.stop()
        return found

    assert asyncio.run(cancelled_everywhere()) == [""] * 8


async def sleeping_in_a_transaction(database, tenant):
    async with database.writing(tenant) as connection:
        await connection.execute("select pg_sleep(10)")


async def sleeping_in_a_query(database, tenant):
    await database.fetch(tenant, "select pg_sleep(10)")


def test_a_plain_set_would_leak_and_be_seen(single):
    tenant = uuid4()
    with single.transaction(uuid4()) as connection:
        connection.execute(f"set app.tenant = '{tenant}'")
    assert left_behind(single) == str(tenant)


def test_rows_of_two_tenants_in_turn(single, tenant):
    other = uuid4()
    for asked, seen in ((tenant, [(tenant,)]), (other, []), (tenant, [(tenant,)])):
        assert single.query(asked, "select tenant_id from everlog.heads") == seen

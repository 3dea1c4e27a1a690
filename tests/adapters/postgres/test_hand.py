"""Connections kept in hand: nobody is forgotten in line, nothing broken is asked, all of them go back at the end."""

import asyncio
from uuid import uuid4

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from adapters.postgres.database import Database
from adapters.postgres.silence import Silent

PID = "select pg_backend_pid()"


def on_loop(url, go, **named):
    async def run():
        database = Database(url, **named)
        await database.start()
        try:
            return await go(database)
        finally:
            await database.stop()

    return asyncio.run(run())


def end(servers, pids):
    with psycopg.connect(servers.addresses.superuser, autocommit=True) as superuser:
        for pid in pids:
            assert superuser.execute("select pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)


def test_many_callers_share_few_connections_and_each_gets_its_own_rows(migrated):
    async def go(database):
        answers = await asyncio.gather(*(database.fetch(uuid4(), "select %s::int", [n]) for n in range(300)))
        assert answers == [[(n,)] for n in range(300)]
        pids = await asyncio.gather(*(database.fetch(uuid4(), PID) for _ in range(100)))
        assert 1 <= len({pid for [(pid,)] in pids}) <= 3
        assert database.use()["loop_waiting"] == 0

    on_loop(migrated.addresses.app, go, size=3)


def test_a_transaction_gets_a_connection_while_others_ask_on_and_on(migrated):
    async def go(database):
        over = asyncio.Event()

        async def on_and_on():
            while not over.is_set():
                await database.fetch(uuid4(), "select 1")

        asking = [asyncio.create_task(on_and_on()) for _ in range(8)]
        tenant = uuid4()
        for _ in range(20):
            async with database.writing(tenant) as connection:
                cursor = await connection.execute("select current_setting('app.tenant')")
                assert await cursor.fetchone() == (str(tenant),)
        over.set()
        await asyncio.gather(*asking)

    on_loop(migrated.addresses.app, go, size=2)


def test_a_connection_that_was_cut_while_nobody_asked_is_not_asked(servers, migrated):
    async def go(database):
        [(pid,)] = await database.fetch(uuid4(), PID)
        await asyncio.to_thread(end, servers, [pid])
        [(other,)] = await database.fetch(uuid4(), PID)
        assert other != pid

    on_loop(migrated.addresses.app, go, size=1)


def test_one_that_is_cut_while_it_is_asked_is_an_error_and_the_next_in_line_is_answered(servers, migrated):
    async def go(database):
        [(pid,)] = await database.fetch(uuid4(), PID)
        asked = asyncio.create_task(database.fetch(uuid4(), "select pg_sleep(60)"))
        in_line = asyncio.create_task(database.fetch(uuid4(), "select 1"))
        await asyncio.sleep(0)
        await asyncio.to_thread(end, servers, [pid])
        with pytest.raises(psycopg.OperationalError):
            await asked
        assert await in_line == [(1,)]

    on_loop(migrated.addresses.app, go, size=1)


def test_who_waits_too_long_is_told_and_takes_nothing_away(migrated):
    async def go(database):
        with pytest.raises(Silent):
            await database.fetch(uuid4(), "select pg_sleep(60)")
        slow = asyncio.create_task(database.fetch(uuid4(), "select pg_sleep(60)"))
        await asyncio.sleep(0)
        # Both are due at about the same time: which of them is first decides what the second is told.
        with pytest.raises((PoolTimeout, Silent)):
            await database.fetch(uuid4(), "select pg_sleep(60)")
        with pytest.raises(Silent):
            await slow
        assert await database.fetch(uuid4(), "select 1") == [(1,)]

    on_loop(migrated.addresses.app, go, size=1, patience=0.6)


def test_in_the_end_the_server_has_no_connection_left(servers, migrated):
    async def go(database):
        await asyncio.gather(*(database.fetch(uuid4(), PID) for _ in range(10)))
        [(pid,)] = await database.fetch(uuid4(), PID)
        return pid

    pid = on_loop(migrated.addresses.app, go, size=2)
    with psycopg.connect(servers.addresses.superuser, autocommit=True) as superuser:
        left = "select count(*) from pg_stat_activity where pid = %s"
        for _ in range(500):
            if superuser.execute(left, [pid]).fetchone() == (0,):
                return
            superuser.execute("select pg_sleep(0.02)")
    pytest.fail("A connection outlived its pool.")

from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from adapters.postgres import database as databases
from adapters.postgres.database import Database, found
from adapters.postgres.recorder import EVER, Recorder
from tests.adapters.postgres.atoms import atom, entry, stream
from tests.waiting import until


@pytest.fixture
def recorder(database, committer, tenant):
    return Recorder(tenant, database, committer)


def test_rows_of_the_log_and_of_a_stream(recorder):
    one, two = stream(), stream()
    for name, version in ((one, 1), (two, 1), (one, 2), (one, 3)):
        recorder.submit(atom(name, version)).result(30)
    assert [row[0] for row in recorder.rows(0, 10)] == [1, 2, 3, 4]
    assert [row[0] for row in recorder.rows(1, 2)] == [2, 3]
    assert [row[0] for row in recorder.rows(0, 10, upto=2)] == [1, 2]
    assert [row[2] for row in recorder.stream_rows(one)] == [1, 2, 3]
    assert [row[2] for row in recorder.stream_rows(one, 1, 2)] == [2]
    assert [row[2] for row in recorder.stream_rows(one, limit=2)] == [1, 2]
    position, name, version, type_, at, meta, body, generation = recorder.rows(1, 1)[0]
    assert (position, name, version, type_, meta, body, generation) == (
        2,
        two,
        1,
        "tests.happened",
        b"meta",
        b"body",
        1,
    )
    assert at.tzinfo is not None
    assert at <= datetime.now(UTC)
    assert recorder.head() == (1, 4)


def test_bytes_come_back_as_they_went(recorder):
    name, odd = stream(), bytes(range(256)) * 40
    recorder.submit(atom(name, 1)).result(30)
    recorder.submit(type(atom(name, 2))([entry(name, 2, body=b""), entry(name, 3, body=odd)])).result(30)
    assert [row[6] for row in recorder.rows(1, 10)] == [b"", odd]


@pytest.mark.parametrize("way", ["tail", "history"])
def test_the_same_on_the_event_loop(migrated, committer, tenant, way):
    import asyncio

    async def both():
        database = Database(migrated.addresses.app)
        await database.start()
        try:
            recorder = Recorder(tenant, database, committer)
            if way == "tail":
                return await recorder.tail(0, 10, EVER)
            return await recorder.history(name)
        finally:
            await database.stop()

    name = stream()
    committer.submit(tenant, atom(name, 1, 3)).result(30)
    assert [row[2] for row in asyncio.run(both())] == [1, 2, 3]


def test_a_tenant_sees_nothing_of_another(recorder, database, committer):
    recorder.submit(atom(stream(), 1)).result(30)
    other = uuid4()
    found(database, other)
    stranger = Recorder(other, database, committer)
    assert stranger.rows(0, 10) == []
    assert stranger.head() == (1, 0)
    assert Recorder(uuid4(), database, committer).head() == (0, 0)


def test_the_worker_sees_every_head_and_the_app_none(migrated, database, recorder):
    recorder.submit(atom(stream(), 1, 2)).result(30)
    with Database(migrated.addresses.worker) as worker:
        assert (recorder.tenant, 1, 2) in worker.heads()
        assert worker.query(recorder.tenant, "select count(*) from everlog.events") == [(2,)]
        assert worker.call("select count(*) from everlog.events") == [(0,)]
    assert database.heads() == []


def test_a_pool_recovers_from_killed_connections(migrated, tenant):
    kill = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tests pool'"
    with Database(f"{migrated.addresses.app}?application_name=tests%20pool", size=3) as database:
        database.call("select 1")
        with psycopg.connect(migrated.addresses.superuser, autocommit=True) as superuser:
            superuser.execute(kill)
        answers: list[object] = []
        for _ in range(6):
            try:
                answers.append(database.query(tenant, "select 1"))
            except psycopg.OperationalError:
                answers.append(None)
        assert answers[3:] == [[(1,)]] * 3


def test_a_database_that_is_not_open_says_so(migrated, tenant):
    with pytest.raises(RuntimeError, match="open"):
        Database(migrated.addresses.app).query(tenant, "select 1")


def test_the_use_of_the_pools(migrated):
    with Database(migrated.addresses.app, size=2) as database:
        database.call("select 1")
        use = database.use()
        assert use.keys() == {"threads_open", "threads_idle", "threads_waiting"}
        assert 1 <= use["threads_idle"] <= use["threads_open"] <= 2


def test_an_exchange_that_stops_half_way_gives_back_what_it_holds(database, tenant, owner, monkeypatch):
    """As where the process is stopped before it has sent everything."""
    monkeypatch.setattr(databases, "_BRIEF", "1s")
    held = "select from everlog.heads where tenant_id = %s for update"

    def free():
        with suppress(psycopg.errors.LockNotAvailable):
            return owner.execute(f"{held} nowait", [tenant]).rowcount

    def stop_half_way():
        with database.exchange(tenant) as connection:
            connection.execute(held, [tenant])
            until(lambda: not free())
            until(free)

    with pytest.raises(psycopg.OperationalError):
        stop_half_way()

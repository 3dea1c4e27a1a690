"""Queries from a real streaming replica: only what it has, behind the same walls, and the primary where it fails."""

import asyncio
import time
from functools import partial
from uuid import uuid4

import psycopg
import pytest

from adapters.kms import FileKMS
from adapters.log import Logs
from adapters.postgres import replica as module
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database
from adapters.postgres.migrate import migrate
from adapters.postgres.reads import ReadModels
from adapters.postgres.replica import Replica
from adapters.postgres.tables import create
from adapters.postgres.views import Views
from domain.kernel import Actor, Meta
from domain.prospects import Captured
from projections.prospects import prospects
from projections.runner import Runner
from tests.clusters import caught_up, pair
from tests.deciders import DECIDERS


async def until(true, seconds=60.0):
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up
        await asyncio.sleep(0.05)


class Asking:
    """A client, and where each of its answers came from."""

    def __init__(self, replica, near, tenant):
        self.of, self.tenant, self.replica = replica.beside(near), tenant, replica

    async def count(self, position=0):
        """How many prospects there are, of a state that holds the position; and whether the replica said so."""
        reads = self.of(self.tenant)
        if position:
            assert await reads.reached(position, 30, 1)
        found = await reads.page(prospects)
        return len(found.rows), reads._asks


@pytest.fixture
def servers():
    with pair() as (primary, replica):
        migrate(
            primary.url("everlog_owner"),
            primary.url("everlog_app"),
            primary.url("everlog_worker"),
            lambda connection, _: create(connection, [prospects]),
        )
        yield primary, replica


def test_the_replica_answers_what_it_has_and_the_primary_the_rest(servers, tmp_path, monkeypatch):
    primary, replica = servers
    tenant, other = uuid4(), uuid4()
    app, worker = primary.url("everlog_app"), primary.url("everlog_worker")
    with (
        Database(app) as database,
        Database(worker) as keeper,
        Committer(app) as committer,
        Logs(database, committer, FileKMS(tmp_path / "keys"), DECIDERS) as logs,
    ):

        def capture(whose):
            logs.provision(whose)
            log = logs.of(whose)
            fact = Captured("Ada", f"{uuid4()}@example.org", "engines")
            meta = Meta(uuid4(), Actor("user", uuid4()), "test")
            done = log.submit(f"prospects/{uuid4()}", 0, [fact], meta).result(60)
            Runner(log, Views(whose, keeper, log), [prospects]).catch_up()
            return done.last

        models = partial(ReadModels, models=[prospects], secret=b"#" * 32, tokens=logs.of)
        far = Replica(app, replica.url("everlog_app"), models)
        asking = Asking(far, models(database), tenant)

        async def story():
            await database.start()
            await far.start()
            try:
                capture(tenant)
                capture(other)
                caught_up(primary, replica)
                await until(lambda: far.fit)
                assert await asking.count(1) == (1, True)
                _walls_hold(replica, tenant)
                replica.ask("select pg_wal_replay_pause()")
                second = capture(tenant)
                # Without a position, what the replica has; with one that it has not, the primary's answer.
                assert await asking.count() == (1, True)
                assert await asking.count(second) == (2, False)
                monkeypatch.setattr(module, "BEHIND", 0.5)
                await until(lambda: not far.fit)
                assert await asking.count() == (2, False)
                replica.ask("select pg_wal_replay_resume()")
                monkeypatch.undo()
                await until(lambda: far.fit)
                assert await asking.count(second) == (2, True)
                replica.ask("select pg_promote()")
                # It follows nobody any more, so that what it holds is another history.
                await until(lambda: not far.fit)
                replica.kill()
                far.fit = True
                assert await asking.count(second) == (2, False)
                assert not far.fit
            finally:
                await far.stop()
                await database.stop()

        asyncio.run(story())


def _walls_hold(replica, tenant):
    """On the replica too, the app's role sees one tenant, and none where none is set."""
    with psycopg.connect(replica.url("everlog_app"), autocommit=True) as connection:
        seen = "select count(distinct tenant_id) from everlog.events"
        assert connection.execute(seen).fetchall() == [(0,)]
        connection.execute("select set_config('app.tenant', %s, false)", [str(tenant)])
        assert connection.execute(seen).fetchall() == [(1,)]

"""Queries from a real streaming replica: only what it has, behind the same walls, and the primary where it fails."""

import asyncio
import time
from contextlib import ExitStack
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
from tests.faults.proxy import Proxy


async def until(true, seconds=60.0):
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up
        await asyncio.sleep(0.05)


class Product:
    """Two tenants on the primary, a client of the first, and where each of its answers came from."""

    def __init__(self, primary, home, stack):
        app = primary.url("everlog_app")
        self.tenant, self.other = uuid4(), uuid4()
        self.database = stack.enter_context(Database(app))
        self.keeper = stack.enter_context(Database(primary.url("everlog_worker")))
        committer = stack.enter_context(Committer(app))
        self.logs = stack.enter_context(Logs(self.database, committer, FileKMS(home / "keys"), DECIDERS))
        self.models = partial(ReadModels, models=[prospects], secret=b"#" * 32, tokens=self.logs.of)

    def capture(self, tenant):
        self.logs.provision(tenant)
        log = self.logs.of(tenant)
        fact = Captured("Ada", f"{uuid4()}@example.org", "engines")
        meta = Meta(uuid4(), Actor("user", uuid4()), "test")
        done = log.submit(f"prospects/{uuid4()}", 0, [fact], meta).result(60)
        Runner(log, Views(tenant, self.keeper, log), [prospects]).catch_up()
        return done.last

    async def count(self, far, position=0):
        """How many prospects there are, of a state that holds the position; and whether the replica said so."""
        reads = far.beside(self.models(self.database))(self.tenant)
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

    async def story(product, wire):
        looked_at = primary.url("everlog_app").replace(f":{primary.port}/", f":{wire.port}/")
        far = Replica(looked_at, replica.url("everlog_app"), product.models)
        await product.database.start()
        await far.start()
        try:
            await _behind(product, far, primary, replica, monkeypatch)
            await _silent(far, wire)
            await _gone(product, far, replica)
        finally:
            await far.stop()
            await product.database.stop()

    with ExitStack() as stack:
        product, wire = Product(primary, tmp_path, stack), stack.enter_context(Proxy(primary.port))
        asyncio.run(story(product, wire))


async def _behind(product, far, primary, replica, monkeypatch):
    """Without a position, what the replica has; with one that it has not, and when it is too old, the primary's."""
    product.capture(product.tenant)
    product.capture(product.other)
    caught_up(primary, replica)
    await until(lambda: far.fit)
    assert await product.count(far, 1) == (1, True)
    _walls_hold(replica, product.tenant)
    replica.ask("select pg_wal_replay_pause()")
    second = product.capture(product.tenant)
    assert await product.count(far) == (1, True)
    assert await product.count(far, second) == (2, False)
    with monkeypatch.context() as hurry:
        hurry.setattr(module, "BEHIND", 0.5)
        await until(lambda: not far.fit)
        assert await product.count(far) == (2, False)
        replica.ask("select pg_wal_replay_resume()")
    await until(lambda: far.fit)
    assert await product.count(far, second) == (2, True)


async def _silent(far, wire):
    """Of a primary that says nothing nobody knows what it has written: how far the replica is behind it neither."""
    wire.turn("hole")
    await until(lambda: not far.fit)
    wire.turn("open", lost=True)
    await until(lambda: far.fit)


async def _gone(product, far, replica):
    """Promoted, it follows nobody any more, so that what it holds is another history; dead, it says nothing."""
    replica.ask("select pg_promote()")
    await until(lambda: not far.fit)
    replica.kill()
    far._until = float("inf")
    assert await product.count(far, 2) == (2, False)
    assert not far.fit


def _walls_hold(replica, tenant):
    """On the replica too, the app's role sees one tenant, and none where none is set."""
    with psycopg.connect(replica.url("everlog_app"), autocommit=True) as connection:
        seen = "select count(distinct tenant_id) from everlog.events"
        assert connection.execute(seen).fetchall() == [(0,)]
        connection.execute("select set_config('app.tenant', %s, false)", [str(tenant)])
        assert connection.execute(seen).fetchall() == [(1,)]

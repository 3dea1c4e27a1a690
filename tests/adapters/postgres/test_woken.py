"""Views over real NATS, nobody polling: a commit wakes the worker, its news wakes whoever waits to read."""

import asyncio
import threading
from contextlib import contextmanager

import pytest

from adapters.nats.link import Link
from adapters.nats.wake import Wakes
from adapters.postgres.database import Database
from adapters.postgres.reads import ReadModels
from adapters.postgres.views import Views
from projections.runner import Runner
from projections.worker import Worker
from tests.adapters.postgres.asking import EVENTS, MODELS
from tests.story import Clear, Told
from tests.waiting import until


@contextmanager
def process(url):
    """What a process of its own would announce and hear."""
    link = Link(url)
    wakes = Wakes(link)
    link.start()
    try:
        assert link.wait(30)
        yield wakes
    finally:
        link.stop()


class Lease:
    seconds = 3600.0

    def __init__(self, tenant):
        self._tenant = tenant

    def renew(self):
        return {self._tenant}

    def release(self):
        pass


def blind():
    raise AssertionError("Somebody looked.")


@contextmanager
def working(log, keeper, wakes):
    """A worker in a thread, woken and never looking."""
    stop, runners = threading.Event(), []

    def runner(tenant):
        runners.append(Runner(log, Views(tenant, keeper, Clear()), MODELS, seen=wakes.seen))
        return runners[-1]

    with wakes.commits() as ear:
        thread = threading.Thread(target=Worker(Lease(log.tenant), blind, runner, ear, poll=None).run, args=(stop,))
        thread.start()
        try:
            yield runners
        finally:
            stop.set()
            ear.close()
            thread.join(30)


def test_a_commit_reaches_whoever_waits_to_read_it(servers, migrated, keeper, tenant, store):
    log = Told(tenant, EVENTS, told=100)
    with process(servers.addresses.nats) as edge, process(servers.addresses.nats) as worker:

        async def wait():
            database = Database(migrated.addresses.app, size=2)
            await database.start()
            try:
                reads = ReadModels(database, MODELS, b"secret", lambda _: Clear(), edge.views, poll=None).of(tenant)
                assert await reads.reached(100, 60)
                waiter = asyncio.create_task(reads.reached(len(EVENTS), 60))
                log.told = len(EVENTS)
                edge.committed(tenant, 1, len(EVENTS))
                return await waiter
            finally:
                await database.stop()

        with working(log, keeper, worker):
            assert asyncio.run(wait())


def test_without_the_news_nothing_moves(migrated, keeper, tenant, store):
    """The control: a commit that is not announced is not noticed by a worker that never looks."""
    log = Told(tenant, EVENTS, told=100)
    with working(log, keeper, Wakes()) as runners:
        # It looks once more after it has shown its rows; from then on it rests.
        until(lambda: runners and runners[0].place() == (1, 100))
        log.told = len(EVENTS)
        with pytest.raises(AssertionError, match="never came"):
            until(lambda: {each.position for each in store.checkpoints()} == {len(EVENTS)}, seconds=1)

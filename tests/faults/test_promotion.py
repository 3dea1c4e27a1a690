"""The fault that `make faults` does with the whole product, in small: a process that goes on over a lossy promotion."""

import asyncio
from contextlib import ExitStack
from uuid import uuid4

import pytest

from adapters.casbin import Casbin
from adapters.erasures import Erasures
from adapters.kms import FileKMS
from adapters.ledger import Ledger
from adapters.log import Logs
from adapters.nats import course, message
from adapters.nats.consume import Order
from adapters.nats.message import Event
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database
from adapters.postgres.migrate import migrate
from adapters.postgres.recorder import Recorder
from adapters.postgres.tables import create
from adapters.postgres.views import Views
from adapters.promotion import promote
from application.api_keys import Keyring
from application.kernel import Caller
from application.ports import SubjectErased
from domain.kernel import Actor, Circumstances, Erased, Meta
from domain.orgs import Founded, Joined
from domain.prospects import Captured, Noted, prospects
from projections.builds import Build
from projections.prospects import prospects as listed
from projections.runner import Runner
from tests.clusters import PASSWORD, caught_up, cut_off, pair
from tests.deciders import DECIDERS

EDITOR = uuid4()


def meta():
    return Meta(uuid4(), Actor("user", EDITOR), "test", circumstances=Circumstances("192.0.2.1"))


def captured(name):
    return Captured(name, f"{uuid4()}@example.org", "engines")


class World:
    """One process over a primary and a replica, whichever of them takes writes."""

    def __init__(self, home, primary, replica, stack):
        self.primary, self.replica = primary, replica
        migrate(
            primary.url("everlog_owner"),
            primary.url("everlog_app"),
            primary.url("everlog_worker"),
            lambda connection, _: create(connection, [listed]),
        )
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{replica.port}"
        url = f"postgresql://everlog_worker:{PASSWORD}@{hosts}/everlog?target_session_attrs=read-write"
        self.ledger = Ledger(home / "keys")
        self.tenant = uuid4()
        self.database = stack.enter_context(Database(url))
        self.committer = stack.enter_context(Committer(url))
        self.logs = stack.enter_context(Logs(self.database, self.committer, FileKMS(home / "keys"), DECIDERS))
        self.logs.provision(self.tenant)
        self.log = self.logs.of(self.tenant)
        self.source = Recorder(self.tenant, self.database, self.committer)
        self.store = Views(self.tenant, self.database, self.log)
        self.runner = Runner(self.log, self.store, [listed])

    def append(self, stream, expected, *facts):
        return self.log.submit(stream, expected, list(facts), meta()).result(60)

    def lose(self):
        self.primary.kill()
        done = promote(self.replica.url(), self.ledger, [])
        # The sessions with the dead server are told from live ones by being used, which the API answers with a 503.
        self.database._pool().check()
        return done

    def events(self):
        return [Event(*row) for row in self.source.rows(0, 10**6)]

    def run(self, *works):
        async def all_of_them():
            await self.database.start()
            try:
                return [await work() for work in works]
            finally:
                await self.database.stop()

        return asyncio.run(all_of_them())


@pytest.fixture
def world(tmp_path):
    with ExitStack() as stack:
        yield World(tmp_path, *stack.enter_context(pair()), stack)


def carried(world, event):
    return message.read(world.tenant, message.headers(world.tenant, event), message.payload(event))


def held(world, events, *, blind=False):
    """What a consumer holds at the end; a blind one knows of no generations."""
    order, found = Order({}), list[Event]()
    for event in events:
        if order.admit(carried(world, event._replace(generation=1) if blind else event)):
            found = [each for each in found if each.position < event.position] + [event]
    return found


def test_whoever_saw_the_lost_tail_finds_back(world):
    one, two, lost = (f"prospects/{uuid4()}" for _ in range(3))
    org = f"orgs/{world.tenant}"
    member = uuid4()
    world.append(org, 0, Founded("Acme"))
    for stream in (one, two):
        world.append(stream, 0, captured("Ada"))
    world.runner.catch_up()
    caught_up(world.primary, world.replica)
    cut_off(world.replica)
    world.append(lost, 0, captured("Bob"))
    world.append(org, 1, Joined(member, "Admin"))
    world.append(one, 1, Noted("never happened"))
    world.runner.catch_up()
    before = world.events()
    access = Casbin(world.logs, Keyring(world.logs))
    caller = Caller(tenant=world.tenant, actor=Actor("user", member))
    [allowed, state] = world.run(lambda: access.decide(caller, "orgs.manage"), lambda: world.log.load(one, prospects))
    assert allowed.allowed
    assert state.version == 2
    Erasures(world.database, world.ledger).erase(world.tenant, [world.log.read(2)[0].id])
    last = course.Last(7, 1, before[-1].position, message.digest(before[-1]))

    said = world.lose()
    assert (said.resumption.generation, said.resumption.erased) == (2, 1)

    # The key of Bob's was at hand, and the log has never heard of him: it is no erasure.
    world.append(lost, 0, captured("Bob"))
    world.append(org, 1, Joined(member, "Viewer"))
    access._policies._kept.clear()
    [allowed, state] = world.run(lambda: access.decide(caller, "orgs.manage"), lambda: world.log.load(one, prospects))
    assert not allowed.allowed
    assert state.version == 1
    judged(world, before, last)
    with pytest.raises(SubjectErased):
        world.append(two, 1, Noted("about nobody"))


def judged(world, before, last):
    """Views, the relay and a consumer stand as the log does; the second prospect is erased."""
    log = world.events()
    world.runner.catch_up()
    with world.store.work() as work:
        rows = list(work.scan(Build(listed, slot=world.store.live()["prospects", listed.version])))
    whole = world.log.read(0)
    assert sorted(rows, key=lambda row: row.id) == sorted(listed.fold([], whole), key=lambda row: row.id)
    assert course.compare(world.source, last).position == 3
    assert held(world, [*before, *log[3:]]) == log
    assert held(world, [*before, *log[3:]], blind=True) != log
    second = world.log.open(whole[2].fact)
    assert isinstance(second.name, Erased)

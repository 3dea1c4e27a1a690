"""The relay between the real log and real leases: what is committed arrives, whoever relays."""

import threading
from uuid import uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from adapters.nats.link import Link
from adapters.nats.message import Event
from adapters.nats.relay import Pace, Relay
from adapters.nats.wake import Wakes
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database, found
from adapters.postgres.leases import Leases
from adapters.postgres.recorder import Recorder
from tests.adapters.nats.conftest import QUICK
from tests.adapters.nats.stored import same, stored
from tests.waiting import until

PACE = Pace(poll=0.05, pause=0.05)


class Rows:
    """A tenant's log as the checker wants it."""

    def __init__(self, recorder):
        self.events = [Event._make(row) for row in recorder.rows(0, 10**6)]


@pytest.fixture
def keeper(migrated):
    with Database(migrated.addresses.worker) as database:
        yield database


@pytest.fixture
def tenants(database):
    tenants = [uuid4() for _ in range(4)]
    for tenant in tenants:
        found(database, tenant)
    return tenants


def writers(tenants, committer, database):
    """Threads that append, as callers do."""

    def write(tenant):
        recorder = Recorder(tenant, database, committer)
        for _ in range(40):
            stream = f"prospects/{uuid4()}"
            recorder.insert_events([StoredEvent(stream, n, "prospects.noted", b"{}") for n in range(1, 6)])

    threads = [threading.Thread(target=write, args=[tenant]) for tenant in tenants]
    for thread in threads:
        thread.start()
    return threads


def test_what_is_committed_arrives_in_order_whoever_relays(migrated, keeper, database, committer, tenants):
    url = migrated.addresses.nats

    def heads():
        return [head for head in keeper.heads() if head[0] in tenants]

    def begin():
        link, leases = Link(url, patience=QUICK), Leases(keeper, uuid4(), seconds=1)
        Relay(link, heads, lambda tenant: Recorder(tenant, keeper, committer), leases, PACE)
        link.start()
        return link, leases

    workers = [begin() for _ in range(3)]
    threads = writers(tenants, committer, database)
    for _ in range(5):
        # One worker after the other goes without a word, another comes.
        link, _ = workers.pop(0)
        link.stop()
        workers.append(begin())
    for thread in threads:
        thread.join()
    logs = {tenant: Rows(Recorder(tenant, database, committer)) for tenant in tenants}
    assert until(lambda: all(len(stored(url, tenant)) == 200 for tenant in tenants))
    for link, leases in workers:
        link.stop()
        leases.release()
    for tenant, log in logs.items():
        assert same(stored(url, tenant), log)
        assert [event.position for event in stored(url, tenant)] == list(range(1, 201))


def test_a_commit_wakes_the_relay_without_a_look_at_the_heads(migrated, keeper, database, tenants):
    url, tenant = migrated.addresses.nats, tenants[0]
    sender = Link(url, patience=QUICK)
    wakes = Wakes(sender)
    with Committer(migrated.addresses.app, wakes.committed) as committer:
        relaying = Link(url, patience=QUICK)

        class Everybody:
            def hold(self, job, tenant):
                return True

        Relay(relaying, list, lambda tenant: Recorder(tenant, keeper, committer), Everybody(), Pace(poll=3600))
        relaying.start()
        sender.start()
        assert relaying.wait(10)
        assert sender.wait(10)
        for thread in writers([tenant], committer, database):
            thread.join()

        def arrived():
            # A word may be lost while both connect: each commit would say it again.
            wakes.committed(tenant, 1, 200)
            return len(stored(url, tenant)) == 200

        assert until(arrived)
    relaying.stop()
    sender.stop()

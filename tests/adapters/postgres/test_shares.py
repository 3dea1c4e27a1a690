"""Shares asked for tenant by tenant, and leases that are renewed in time however much there is to do."""

import threading
from typing import Any
from uuid import uuid4

import pytest

from adapters.postgres.database import found
from adapters.postgres.leases import Leases
from projections.kernel import Lag
from projections.worker import Deaf, Worker


@pytest.fixture
def alone(owner):
    """No worker of another test holds anything."""
    owner.execute("delete from everlog.leases")


def test_whoever_asks_tenant_by_tenant_gets_a_fair_share_too(alone, keeper, database, owner):
    for _ in range(5):
        found(database, uuid4())
    everyone = {tenant for tenant, *_ in keeper.heads()}
    first, second = Leases(keeper, uuid4()), Leases(keeper, uuid4())

    def held(leases):
        return {tenant for tenant in everyone if leases.hold("relay", tenant)}

    def again():
        for leases in (first, second):
            leases._held.clear()

    assert held(first) == everyone
    assert held(second) == set()
    again()
    kept, taken = held(first), held(second)
    assert kept | taken == everyone
    assert not kept & taken
    assert abs(len(kept) - len(taken)) <= 1
    owner.execute("update everlog.leases set until = now() - interval '1 second' where worker = %s", [first.worker])
    again()
    assert held(second) == everyone


def test_a_share_that_is_held_is_asked_for_once_in_a_while_alone(alone, keeper, tenant, monkeypatch):
    leases, renewed = Leases(keeper, uuid4(), seconds=3600), []
    renew = leases.renew

    def counted(job):
        renewed.append(job)
        return renew(job)

    monkeypatch.setattr(leases, "renew", counted)
    assert all(leases.hold("relay", tenant) for _ in range(10))
    assert renewed == ["relay"]


def test_a_busy_worker_renews_in_time_and_leaves_nobody_behind(keeper):
    """Each batch takes as long as the leases last: they are renewed before each, and every tenant has its turn."""
    tenants = sorted(uuid4() for _ in range(3))
    events: list[object] = []

    class Slow:
        def __init__(self, tenant):
            self.tenant = tenant

        def retry(self):
            return 0

        def step(self, seconds):
            events.append(self.tenant)
            return 1

    class Short:
        seconds = 0.0

        def renew(self):
            events.append("renewed")
            return set(tenants)

        def release(self):
            pass

    made: Any = Slow
    worker = Worker(Short(), list, made, Deaf(threading.Event()), None)
    for _ in range(6):
        worker.turn()
    assert events == [each for _ in range(2) for tenant in tenants for each in ("renewed", tenant)]


def test_what_another_works_for_is_behind_for_nobody_here(keeper):
    """A worker that loses a tenant whose views are behind would tell of that for ever."""
    tenant, told, shares = uuid4(), [], iter([True, False])

    class Behind:
        def retry(self):
            return 0

        def step(self, seconds):
            return 0

        def place(self):
            return 0, 0

        def lag(self):
            return [Lag("prospects", 1, 5, 2.0, 1, 1, 7, None)]

    class Brief:
        seconds = 0.0

        def renew(self):
            return {tenant} if next(shares) else set()

        def release(self):
            pass

    def measure(tenant, lags):
        told.append((tenant, [(each.positions, each.seconds, each.parked) for each in lags]))

    worker = Worker(Brief(), keeper.heads, lambda _: Behind(), Deaf(threading.Event()), None, measure)
    worker.turn()
    assert told == [(tenant, [(5, 2.0, 1)])]
    worker.turn()
    assert told[1:] == [(tenant, [(0, 0.0, 0)])]

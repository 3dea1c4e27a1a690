"""Workers share tenants fairly, and nobody's death or stubbornness harms the views."""

import threading
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from adapters.nats.wake import Wakes
from adapters.postgres.database import found
from adapters.postgres.leases import Leases
from adapters.postgres.views import Views
from projections.builds import Build
from projections.prospects import prospects
from projections.runner import Runner
from projections.worker import Deaf, Worker
from tenants.context import SYSTEM
from tests.story import Clear, Told, story
from tests.waiting import until


@pytest.fixture
def alone(owner):
    """No worker of another test holds anything."""
    owner.execute("delete from everlog.leases")


def late(owner, worker):
    """As if this worker had been silent for longer than its leases last."""
    owner.execute("update everlog.leases set until = now() - interval '1 second' where worker = %s", [worker])


def test_one_worker_takes_all_and_two_share(alone, keeper, database, owner):
    for _ in range(5):
        found(database, uuid4())
    everyone = {tenant for tenant, *_ in keeper.heads()}
    first, second = Leases(keeper, uuid4()), Leases(keeper, uuid4())
    assert first.renew() == everyone
    second.renew()
    kept, taken = first.renew(), second.renew()
    assert kept | taken == everyone
    assert not kept & taken
    assert abs(len(kept) - len(taken)) <= 1
    first.release()
    assert second.renew() == everyone


def test_nobody_works_for_a_tenant_that_is_gone(alone, keeper, tenant):
    gone = set[UUID]()
    leases = Leases(keeper, uuid4(), gone=lambda: gone)
    everyone = leases.renew()
    assert tenant in everyone
    gone.add(tenant)
    assert leases.renew() == everyone - {tenant}
    gone.clear()
    assert leases.renew() == everyone


def test_the_leases_of_the_dead_pass_on_when_they_expire_and_not_before(alone, keeper, owner):
    first, second = Leases(keeper, uuid4()), Leases(keeper, uuid4())
    everyone = first.renew()
    half = second.renew()
    assert half == set()
    late(owner, first.worker)
    assert second.renew() == everyone


def test_the_leases_of_the_dead_pass_on_though_the_clock_went_back_a_day_meanwhile(alone, keeper, owner, tenant):
    first, second = Leases(keeper, uuid4()), Leases(keeper, uuid4())
    everyone = first.renew()
    assert first.hold("relay", tenant)
    # What a clock that was a day ahead had written.
    owner.execute("update everlog.leases set until = until + interval '1 day' where worker = %s", [first.worker])
    assert second.renew() == everyone
    assert second.hold("relay", tenant)


def test_workers_of_another_job_leave_this_ones_share_alone(alone, keeper):
    views, learning = Leases(keeper, uuid4()), Leases(keeper, uuid4())
    everyone = views.renew()
    assert learning.renew("learning") >= everyone
    assert views.renew() >= everyone


def test_leases_are_the_system_tenants(alone, keeper, owner):
    Leases(keeper, uuid4()).renew()
    rows = owner.execute("select distinct tenant_id::text from everlog.leases")
    assert rows.fetchall() == [(str(SYSTEM),)]


class One:
    """A lease on one tenant alone, so that a worker of these tests leaves other tests' tenants be."""

    def __init__(self, tenant, seconds=3600.0):
        self.seconds = seconds
        self._tenant = tenant
        self.released = False

    def renew(self):
        return {self._tenant}

    def release(self):
        self.released = True


@pytest.fixture
def run():
    """Run workers in threads until the test ends."""
    stop, threads = threading.Event(), []

    class Run:
        def __init__(self):
            self.stop = stop

        def __call__(self, worker):
            threads.append(threading.Thread(target=worker.run, args=(stop,)))
            threads[-1].start()

    yield Run()
    stop.set()
    for thread in threads:
        thread.join(30)


def folded(store, events):
    return lambda: (
        [(each.position, each.rows) for each in store.checkpoints()] == [(len(events), len(prospects.fold([], events)))]
    )


def test_a_worker_without_an_ear_lives_by_looking(keeper, tenant, run, store):
    events = story(300)
    log = Told(tenant, events, told=100)
    lease = One(tenant)
    run(
        Worker(
            lease,
            lambda: [(tenant, *log.head())],
            lambda each: Runner(log, Views(each, keeper, Clear()), (prospects,)),
            Deaf(run.stop),
            poll=0.01,
        )
    )
    until(folded(store, events[:100]))
    log.told = 300
    until(folded(store, events))
    assert not lease.released


def test_a_worker_that_never_looks_lives_by_its_ear(keeper, tenant, run, store):
    events, wakes = story(300), Wakes()
    log = Told(tenant, events, told=100)

    def heads():
        raise AssertionError("It looked.")

    with wakes.commits() as ear:
        run(
            Worker(
                One(tenant), heads, lambda each: Runner(log, Views(each, keeper, Clear()), (prospects,)), ear, poll=None
            )
        )
        until(folded(store, events[:100]))
        log.told = 300
        wakes.committed(tenant, 1, 300)
        until(folded(store, events))
        run.stop.set()


class Broken(Told):
    def head(self):
        raise ConnectionError


def test_a_tenant_that_is_new_need_not_wait_for_the_next_renewal(alone, keeper, database, run):
    events, wakes = story(30), Wakes()

    def runner(each):
        return Runner(Told(each, events), Views(each, keeper, Clear()), (prospects,))

    with wakes.commits() as ear:
        run(Worker(Leases(keeper, uuid4(), seconds=3600), list, runner, ear, poll=None))
        until(lambda: keeper.query(SYSTEM, "select 1 from everlog.leases where tenant_id = %s", [SYSTEM]))
        fresh = uuid4()
        found(database, fresh)
        wakes.committed(fresh, 1, 30)
        until(folded(Views(fresh, keeper, Clear()), events))
        run.stop.set()


def test_one_tenants_trouble_is_not_the_others(keeper, tenant, run, store, database):
    troubled, events = uuid4(), story(50)
    found(database, troubled)
    log = Told(tenant, events)

    class Both(One):
        def renew(self):
            return {tenant, troubled}

    def runner(each):
        return Runner(log if each == tenant else Broken(each, []), Views(each, keeper, Clear()), (prospects,))

    run(Worker(Both(tenant), lambda: [(tenant, 1, 50), (troubled, 1, 50)], runner, Deaf(run.stop), poll=0.01))
    until(folded(store, events))


def test_a_worker_outlives_a_database_that_is_away(keeper, tenant, run, store):
    events, failures = story(50), iter([True, True])

    class Away(One):
        def renew(self):
            if next(failures, False):
                raise ConnectionError
            return super().renew()

    log = Told(tenant, events)
    run(
        Worker(
            Away(tenant),
            lambda: [(tenant, *log.head())],
            lambda each: Runner(log, Views(each, keeper, Clear()), (prospects,)),
            Deaf(run.stop),
            poll=0.01,
        )
    )
    until(folded(store, events))


def test_two_workers_on_one_lease_do_no_harm(keeper, tenant, run, store):
    events = story(400, 4)
    log = Told(tenant, events, told=1)
    for _ in range(2):
        run(
            Worker(
                One(tenant),
                lambda: [(tenant, *log.head())],
                lambda each: Runner(log, Views(each, keeper, Clear()), (prospects,), 17),
                Deaf(run.stop),
                poll=0.001,
            )
        )
    for told in range(1, 401, 7):
        log.told = told
    log.told = 400
    until(folded(store, events))
    with store.work() as work:
        assert list(work.scan(Build(prospects))) == sorted(prospects.fold([], events), key=lambda row: row.id)


def test_a_worker_of_a_new_release_applies_what_the_old_one_could_not(keeper, tenant, run, store):
    events = story(60)

    def evolve(rows, recorded):
        if recorded.position == 7:
            raise ValueError
        return prospects.evolve(rows, recorded)

    log = Told(tenant, events)
    Runner(log, store, (replace(prospects, evolve=evolve),)).catch_up()
    assert store.parked()
    run(
        Worker(
            One(tenant),
            list,
            lambda each: Runner(log, Views(each, keeper, Clear()), (prospects,)),
            Deaf(run.stop),
            poll=None,
        )
    )
    until(folded(store, events))
    until(lambda: not store.parked())

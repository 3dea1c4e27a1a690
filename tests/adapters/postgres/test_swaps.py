"""While a large copy is looked at and put in place, its tenant's views and those of all others go on."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

import pytest

from adapters.postgres.database import found
from adapters.postgres.views import Views
from projections import looks, repair
from projections.audit import audit
from projections.builds import Build, Later
from projections.funnel import funnel
from projections.looks import Aside
from projections.prospects import prospects
from projections.runner import Runner
from projections.worker import Deaf, Worker
from tests.story import Clear, Told, story
from tests.waiting import until

MODELS = (prospects, funnel, audit)
LOST = """
    delete from everlog.view_prospects_2 where tenant_id = %s and id in
    (select id from everlog.view_prospects_2 where tenant_id = %s and stage <> 'won' limit 1) returning id"""


class Slow:
    """A look at all rows, which takes until it is let go once it `holds`."""

    def __init__(self, monkeypatch):
        self.begun, self.go, self._digest = threading.Event(), threading.Event(), repair._digest
        monkeypatch.setattr(repair, "_digest", self)
        self.go.set()

    def holds(self):
        self.go.clear()
        self.begun.clear()

    def __call__(self, *given):
        self.begun.set()
        assert self.go.wait(60)
        return self._digest(*given)


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setattr(looks, "FEW", 0)
    slow = Slow(monkeypatch)
    yield slow
    slow.go.set()


class Both:
    """Leases of two tenants, for ever."""

    seconds = 6.0

    def __init__(self, *tenants):
        self._tenants = set(tenants)

    def renew(self):
        return self._tenants

    def release(self):
        pass


class House:
    """Two tenants of one worker; the first is large."""

    def __init__(self, keeper, large, small):
        self.stores = {each: Views(each, keeper, Clear()) for each in (large, small)}
        self.logs = {each: Told(each, story(300, seed), told=100) for seed, each in enumerate((large, small))}
        self.aside, self._stop = Aside(), threading.Event()
        heads = lambda: [(each, *log.head()) for each, log in self.logs.items()]  # noqa: E731 - one line says it
        worker = Worker(Both(large, small), heads, self.runner, Deaf(self._stop), poll=0.05)
        self._thread = threading.Thread(target=worker.run, args=[self._stop])
        for tenant in self.logs:
            self.runner(tenant).catch_up()

    def runner(self, tenant):
        return Runner(self.logs[tenant], self.stores[tenant], MODELS, aside=self.aside)

    def level(self, tenant):
        """Whether the live copies hold all of its log."""
        store, told = self.stores[tenant], self.logs[tenant].told
        live = store.live()
        known = [each for each in store.checkpoints() if live.get((each.view, each.version)) == each.slot]
        return len(known) == 2 and {each.position for each in known} == {told}

    def grow(self, tenant):
        self.logs[tenant].told += 50
        until(lambda: self.level(tenant), 15)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(60)


@pytest.fixture
def large(tenant):
    return tenant


@pytest.fixture
def small(database):
    small = uuid4()
    found(database, small)
    return small


def slot(store):
    return store.live()["prospects", prospects.version]


def until_later(runner):
    """Whether it comes to a look that takes its time."""
    try:
        while runner.step():
            pass
    except Later:
        return True
    return False


def rows(store, which):
    with store.work() as work:
        return list(work.scan(Build(prospects, slot=which)))


def folded(log):
    return sorted(prospects.fold([], log.read(0, log.told)), key=lambda row: row.id)


def test_while_a_worker_looks_at_a_large_copy_all_views_go_on(keeper, large, small, slow):
    house = House(keeper, large, small)
    house.runner(large).rebuild("prospects")
    slow.holds()
    with house:
        assert slow.begun.wait(30)
        for _ in range(2):
            house.grow(small)
            house.grow(large)
        assert slot(house.stores[large]) == "a"
        slow.go.set()
        until(lambda: slot(house.stores[large]) == "b")
        house.grow(large)
    assert rows(house.stores[large], "b") == folded(house.logs[large])
    assert house.runner(large).check() == []


def test_while_another_process_looks_at_a_large_copy_all_views_go_on(keeper, large, small, slow):
    house = House(keeper, large, small)
    slow.holds()
    with house, ThreadPoolExecutor(1) as other:
        renewed = other.submit(Runner(house.logs[large], house.stores[large], MODELS).renew, ["prospects"])
        assert slow.begun.wait(30)
        house.grow(small)
        house.grow(large)
        slow.go.set()
        assert renewed.result(60).keys() == {"prospects"}
    assert slot(house.stores[large]) == "b"
    assert rows(house.stores[large], "b") == folded(house.logs[large])


def test_what_was_wrong_is_named_however_far_the_log_has_grown_meanwhile(keeper, large, small, slow, owner):
    house = House(keeper, large, small)
    [(id,)] = owner.execute(LOST, [large, large]).fetchall()
    slow.holds()
    with ThreadPoolExecutor(1) as other:
        renewed = other.submit(house.runner(large).renew, ["prospects"])
        assert slow.begun.wait(30)
        house.logs[large].told += 50
        while not house.level(large):
            with suppress(Later):
                house.runner(large).step()
        slow.go.set()
        assert [each.key for each in renewed.result(60)["prospects"]] == [id]
    assert rows(house.stores[large], "b") == folded(house.logs[large])


def test_a_copy_that_is_written_to_is_not_shown_whatever_was_seen_of_an_earlier_one(keeper, large, small, slow, owner):
    """The look is at the first copy in that slot; by the time it would count there is another, with a wrong row."""
    house = House(keeper, large, small)
    late, other = house.runner(large), Runner(house.logs[large], house.stores[large], MODELS)
    late.rebuild("prospects")
    assert until_later(late)
    for which in "ba":
        assert slot(house.stores[large]) != which
        other.renew(["prospects"])
        assert slot(house.stores[large]) == which
    late.rebuild("prospects")
    slow.holds()
    assert until_later(house.runner(large))
    slow.go.set()
    owner.execute(LOST.replace("view_prospects_2", "view_prospects_2_b"), [large, large])
    late.catch_up()
    assert slot(house.stores[large]) == "a"


def test_who_holds_the_checkpoints_keeps_a_step_waiting_for_a_moment_only(store, tenant, owner):
    log = Told(tenant, story(100), told=50)
    with ThreadPoolExecutor(2) as threads:
        runners = [Runner(log, store, MODELS), Runner(log, store, MODELS, threads=threads)]
        runners[0].catch_up()
        log.told = 100
        with owner.transaction():
            owner.execute("select from everlog.checkpoints where tenant_id = %s for update", [tenant])
            for each in runners:
                with pytest.raises(Later):
                    each.step()
        for each in runners:
            each.catch_up()
    assert rows(store, "a") == folded(log)


class Held:
    """Its views cannot be moved now."""

    def __init__(self):
        self.tried = 0

    def step(self, seconds):
        self.tried += 1
        raise Later

    def retry(self): ...

    def place(self):
        return 0, 0

    def lag(self):
        return []


def test_who_cannot_go_on_now_is_tried_again_soon_and_nobody_is_told_of_trouble(store, tenant, caplog):
    other, held, log, stop = uuid4(), Held(), Told(tenant, story(100)), threading.Event()
    views = Runner(log, store, MODELS, 10)
    worker = Worker(Both(tenant, other), list, lambda each: views if each == tenant else held, Deaf(stop), None)
    thread = threading.Thread(target=worker.run, args=[stop])
    thread.start()
    until(lambda: held.tried > 5)
    until(lambda: {each.position for each in store.checkpoints()} == {100})
    stop.set()
    thread.join(60)
    assert "failed" not in caplog.text

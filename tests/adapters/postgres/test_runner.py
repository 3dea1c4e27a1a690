"""The runner on the real database does what the views say, once, whatever happens in between."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from msgspec.structs import replace

from adapters.postgres.views import Transaction, Views
from projections.audit import audit
from projections.builds import Build, Stale, builds
from projections.digest import EMPTY, digester, moved
from projections.funnel import funnel
from projections.kernel import Where
from projections.predictions.book import book, scores
from projections.predictions.milestones import milestones
from projections.prospects import prospects
from projections.runner import Runner
from tenants.keys import Misplaced
from tests.story import Clear, Told, story

MODELS = (prospects, funnel, audit)


def rows(store, view, slot="a"):
    with store.work() as work:
        return list(work.scan(Build(view, slot=slot)))


def folded(view, events):
    return sorted(view.fold([], events), key=lambda row: getattr(row, view.key))


def sums(owner, tenant):
    found = owner.execute(
        "select stage, industry, sum(change)::bigint from everlog.view_funnel_2_1 where tenant_id = %s group by 1, 2",
        [tenant],
    )
    return {row[:2]: row[2] for row in found if row[2]}


def counted(events):
    counts: dict = {}
    for row in prospects.fold([], events):
        counts[funnel.group(row)] = counts.get(funnel.group(row), 0) + 1
    return counts


def digest(view, events):
    return moved(EMPTY, sum(map(digester(view.row), view.fold([], events))))


@pytest.mark.parametrize(("seed", "batch"), [(1, 1), (2, 7), (3, 100), (4, 10_000)])
def test_the_runner_does_what_the_views_say(store, owner, tenant, seed, batch):
    events = story(300, seed, prospects=20 * seed)
    runner = Runner(Told(tenant, events), store, MODELS, batch)
    assert runner.catch_up() == len(events)
    assert rows(store, prospects) == folded(prospects, events)
    assert rows(store, audit) == folded(audit, events)
    assert sums(owner, tenant) == counted(events)
    for each in store.checkpoints():
        view = {"prospects": prospects, "audit": audit}[each.view]
        assert (each.position, each.parked, each.digest) == (300, 0, digest(view, events))
        assert each.rows == len(folded(view, events))


@pytest.mark.parametrize(("seed", "batch"), [(31, 3), (32, 40), (33, 1000)])
def test_views_that_look_for_rows_by_another_column_do_so_too(store, owner, tenant, seed, batch):
    events = story(300, seed, prospects=20, predicted=0.4)
    Runner(Told(tenant, events), store, (book, scores, milestones), batch).catch_up()
    assert rows(store, book) == folded(book, events)
    assert rows(store, milestones) == folded(milestones, events)
    found = owner.execute(
        "select model, bin, outcome, size, covered, sum(change)::bigint from everlog.view_scores_1_1"
        " where tenant_id = %s group by 1, 2, 3, 4, 5",
        [tenant],
    )
    counts = Counter(scores.group(row) for row in book.fold([], events))
    assert {row[:5]: row[5] for row in found if row[5]} == dict(counts)
    assert any(row.outcome for row in rows(store, book))


def test_it_follows_a_log_that_grows(store, tenant):
    events, random = story(200, 5), Random(5)
    log = Told(tenant, events, told=0)
    runner = Runner(log, store, MODELS, 9)
    while log.told < len(events):
        log.told = min(log.told + random.randrange(1, 30), len(events))
        for _ in range(random.randrange(3)):
            runner.step()
    runner.catch_up()
    assert rows(store, prospects) == folded(prospects, events)
    assert runner.place() == (1, 200)


class Crash(Exception):
    pass


@contextmanager
def crashing(monkeypatch, random):
    """Every other transaction ends in a crash, before or after one of its steps."""

    def fragile(name):
        whole = getattr(Transaction, name)

        def step(self, *args):
            if random.random() < 0.1:
                raise Crash
            done = whole(self, *args)
            if random.random() < 0.1:
                raise Crash
            return done

        return step

    with monkeypatch.context() as patch:
        for name in ("lock", "load", "write", "advance", "point"):
            patch.setattr(Transaction, name, fragile(name))
        yield


def test_crashes_in_between_lose_and_repeat_nothing(store, owner, tenant, monkeypatch):
    events, random = story(300, 6), Random(6)
    log, crashes = Told(tenant, events), 0
    with crashing(monkeypatch, random):
        runner = Runner(log, store, MODELS, 20)
        for _ in range(200):
            try:
                runner.step()
            except Crash:
                crashes += 1
                if random.random() < 0.5:
                    runner = Runner(log, store, MODELS, random.choice((5, 20, 50)))
    Runner(log, store, MODELS).catch_up()
    assert crashes > 10
    assert rows(store, prospects) == folded(prospects, events)
    assert sums(owner, tenant) == counted(events)


def race(keeper, tenant, log, count=3):
    """Runners of their own, started together; what each did is undone where another was quicker."""
    barrier, failures = Barrier(count), []

    def run(seed):
        runner = Runner(log, Views(tenant, keeper, Clear()), MODELS, Random(seed).choice((11, 23, 40)))
        barrier.wait()
        try:
            runner.catch_up()
        except Exception as error:  # noqa: BLE001 - the test's own thread has to hear of it
            failures.append(error)

    threads = [Thread(target=run, args=(seed,)) for seed in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_reading_ahead_changes_nothing(store, tenant):
    events = story(300, 16, prospects=30)
    with ThreadPoolExecutor(1) as threads:
        Runner(Told(tenant, events), store, MODELS, 13, threads=threads).catch_up()
    assert rows(store, prospects) == folded(prospects, events)
    assert rows(store, audit) == folded(audit, events)


def test_workers_that_race_apply_each_event_once(store, keeper, owner, tenant):
    events = story(400, 8, prospects=30)
    race(keeper, tenant, Told(tenant, events))
    assert rows(store, prospects) == folded(prospects, events)
    assert rows(store, audit) == folded(audit, events)
    assert sums(owner, tenant) == counted(events)


def test_without_the_comparison_a_race_goes_wrong(store, keeper, owner, tenant, monkeypatch):
    """The control: workers that do not look whether the checkpoint is still theirs count twice, or trip over rows."""
    events = story(400, 8, prospects=30)
    monkeypatch.setattr(Transaction, "lock", lambda self, checkpoints: None)
    try:
        race(keeper, tenant, Told(tenant, events))
    except AssertionError:
        return
    held = sum(each.parked for each in store.checkpoints())
    assert held or rows(store, prospects) != folded(prospects, events) or sums(owner, tenant) != counted(events)


def test_a_worker_that_wakes_from_the_dead_changes_nothing(store, tenant):
    events = story(100, 9)
    log = Told(tenant, events, told=50)
    sleeper = Runner(log, store, MODELS)
    sleeper.catch_up()
    log.told = 100
    Runner(log, store, MODELS).catch_up()
    before = store.checkpoints()
    assert sleeper.step() == 1
    assert store.checkpoints() == before
    assert rows(store, prospects) == folded(prospects, events)


def test_a_stale_checkpoint_is_refused(store, tenant):
    Runner(Told(tenant, story(10)), store, MODELS).catch_up()
    [one, *_] = store.checkpoints()
    for wrong in (
        replace(one, position=9),
        replace(one, generation=9),
        replace(one, mark=b""),
        replace(one, digest=b""),
    ):
        with pytest.raises(Stale), store.work() as work:
            work.lock([wrong])


def test_what_the_database_cannot_hold_is_parked_and_the_rest_of_its_batch_is_not(store, tenant, caplog):
    events = story(60, 10, prospects=20)
    bad = next(each.position for each in events[10:] if each.version == 1)
    fact = replace(events[bad - 1].fact, industry="zero \0 byte")
    broken = [*events[: bad - 1], replace(events[bad - 1], fact=fact), *events[bad:]]
    Runner(Told(tenant, broken), store, (prospects, funnel), 50).catch_up()
    held = store.parked()
    assert held[0].event.position == bad
    assert {each.event.stream for each in held} == {events[bad - 1].stream}
    assert "byte" not in held[0].event.why
    others = [each for each in events if each.stream != events[bad - 1].stream]
    assert rows(store, prospects) == folded(prospects, others)


def test_a_seal_that_does_not_fit_is_parked(keeper, tenant):
    events = story(30, 17)
    broken = events[3].meta.circumstances

    class Strict(Clear):
        def open(self, value):
            if value == broken:
                raise Misplaced
            return super().open(value)

    store = Views(tenant, keeper, Strict())
    Runner(Told(tenant, events), store, (audit,)).catch_up()
    assert [(each.event.position, each.event.why) for each in store.parked()] == [(4, "Misplaced")]
    assert len(rows(store, audit)) == 29


def test_parked_events_are_applied_in_order_after_a_fix(store, owner, tenant):
    events = story(200, 11, prospects=15)
    bad = {events[20].position, events[90].position}

    def evolve(rows, recorded):
        if recorded.position in bad:
            raise ValueError(recorded.fact)
        return prospects.evolve(rows, recorded)

    fragile = replace(prospects, evolve=evolve)
    group = replace(funnel, of=fragile)
    log = Told(tenant, events)
    Runner(log, store, (fragile, group), 30).catch_up()
    held = [each.event for each in store.parked()]
    assert {each.position for each in held if each.behind is None} <= bad
    assert all(each.behind in bad for each in held if each.behind)
    assert rows(store, prospects) != folded(prospects, events)

    still = Runner(log, store, (fragile, group))
    assert still.retry() == len(held)
    assert Runner(log, store, (prospects, funnel)).retry("prospects") == 0
    assert store.parked() == []
    assert rows(store, prospects) == folded(prospects, events)
    assert sums(owner, tenant) == counted(events)
    [checkpoint] = store.checkpoints()
    assert (checkpoint.digest, checkpoint.parked) == (digest(prospects, events), 0)


def test_a_view_that_selects_by_what_no_index_begins_with_is_refused(store, tenant):
    view = replace(prospects, select=lambda recorded: Where("notes", 0))
    with pytest.raises(LookupError, match="selects by notes"):
        Runner(Told(tenant, story(5)), store, (view,)).catch_up()


def test_builds_know_their_aggregates():
    assert [(build.view.name, len(build.aggregates)) for build in builds(MODELS)] == [("prospects", 1), ("audit", 0)]


def test_other_tenants_see_none_of_it(keeper, tenant, store):
    Runner(Told(tenant, story(30)), store, MODELS).catch_up()
    other = Views(uuid4(), keeper, Clear())
    assert other.checkpoints() == []
    assert rows(other, prospects) == []

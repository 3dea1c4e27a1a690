"""Batches that are folded while the ones before are being written come to the same."""

from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Event, Thread

import pytest
from msgspec.structs import replace

from adapters.postgres.views import Views
from domain.prospects import Lost
from projections.audit import audit
from projections.builds import Build
from projections.fold import Fold
from projections.funnel import funnel
from projections.predictions.book import book, scores
from projections.prospects import prospects
from projections.runner import Runner
from tests.story import Clear, Told, story


def forgetting(rows, recorded):
    return [] if isinstance(recorded.fact, Lost) else prospects.evolve(rows, recorded)


# A view whose rows go, and whose later events find none.
kept = replace(prospects, evolve=forgetting)
MODELS = (kept, replace(funnel, of=kept), audit, book, scores)


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture
def late(monkeypatch):
    """Each write waits until the next batch has been loaded, as far as there is one: the worst that can happen."""
    loaded, write, load = Event(), Views.write, Views.load

    def loads(self, wanted):
        found = load(self, wanted)
        loaded.set()
        return found

    def writes(self, *given):
        loaded.wait(0.3)
        loaded.clear()
        write(self, *given)

    monkeypatch.setattr(Views, "load", loads)
    monkeypatch.setattr(Views, "write", writes)


def rows(store, view):
    with store.work() as work:
        return list(work.scan(Build(view)))


def folded(view, events):
    return sorted(view.fold([], events), key=lambda row: getattr(row, view.key))


def right(store, events):
    return all(rows(store, view) == folded(view, events) for view in (kept, audit, book)) and not store.parked()


@pytest.mark.parametrize(("seed", "batch"), [(41, 10), (42, 25), (43, 70)])
def test_what_is_loaded_before_the_last_batch_is_written_is_not_taken_for_the_truth(
    store, tenant, threads, late, seed, batch
):
    events = story(210, seed, prospects=12, predicted=0.3)
    assert Runner(Told(tenant, events), store, MODELS, batch, threads=threads).catch_up() == len(events)
    assert right(store, events)
    with store.work() as work:
        found = {each.view.name: work.digest(each) for each in (Build(kept), Build(audit), Build(book))}
    assert {each.view: each.digest for each in store.checkpoints()} == found


def test_without_remembering_the_last_batch_it_goes_wrong(store, tenant, threads, late, monkeypatch):
    """The control."""
    events = story(210, 41, prospects=12, predicted=0.3)
    monkeypatch.setattr(Fold, "kept", lambda self, checkpoint: setattr(self, "_at", checkpoint))
    Runner(Told(tenant, events), store, MODELS, 10, threads=threads).catch_up()
    assert not right(store, events)


def test_what_the_database_cannot_hold_is_parked_and_what_was_folded_behind_it_is_folded_again(store, tenant, threads):
    events = story(90, 10, prospects=20)
    bad = next(each for each in events[10:] if each.version == 1)
    fact = replace(bad.fact, industry="zero \0 byte")
    broken = [replace(each, fact=fact) if each is bad else each for each in events]
    Runner(Told(tenant, broken), store, (kept, audit), 8, threads=threads).catch_up()
    held = store.parked()
    assert held[0].event.position == bad.position
    assert {each.event.stream for each in held} == {bad.stream}
    assert rows(store, kept) == folded(kept, [each for each in events if each.stream != bad.stream])
    assert rows(store, audit) == folded(audit, broken)


class Crash(Exception):
    pass


def test_crashes_in_between_lose_and_repeat_nothing(store, tenant, threads, monkeypatch):
    events, random, write = story(300, 6, predicted=0.2), Random(6), Views.write
    crashes = 0

    def fragile(self, *given):
        if random.random() < 0.15:
            raise Crash
        write(self, *given)
        if random.random() < 0.15:
            raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Views, "write", fragile)
        runner = Runner(Told(tenant, events), store, MODELS, 10, threads=threads)
        for _ in range(60):
            try:
                runner.step(0.01)
            except Crash:
                crashes += 1
    Runner(Told(tenant, events), store, MODELS).catch_up()
    assert crashes > 2
    assert right(store, events)


def test_runners_that_race_apply_each_event_once(store, keeper, tenant):
    events, failures = story(300, 8, prospects=30, predicted=0.2), []

    def run(batch):
        with ThreadPoolExecutor(2) as own:
            runner = Runner(Told(tenant, events), Views(tenant, keeper, Clear()), MODELS, batch, threads=own)
            try:
                runner.catch_up()
            except Exception as error:  # noqa: BLE001 - the test's own thread has to hear of it
                failures.append(error)

    racing = [Thread(target=run, args=(batch,)) for batch in (7, 10, 15)]
    for each in racing:
        each.start()
    for each in racing:
        each.join()
    assert failures == []
    Runner(Told(tenant, events), store, MODELS).catch_up()
    assert right(store, events)

"""Facts in, facts out, on a real database: versions, keys, idempotency, uniqueness, order."""

import asyncio
import threading
from uuid import UUID, uuid4

import pytest

from adapters.kms import FileKMS
from adapters.log import Logs
from adapters.postgres.atom import Busy
from application.kernel import Once
from application.ports import Conflict, Log, Reused, Taken, Unanswered
from domain.kernel import Actor, Circumstances, Meta, Sealed
from domain.prospects import Captured, Noted, SignalObserved, StageMoved, prospects
from tests.deciders import DECIDERS

ACTOR = Actor("user", UUID(int=7))
ADA = Captured("Ada", "ada@example.org", "engines", (("age", 36.0),))


def meta(**more) -> Meta:
    return Meta(uuid4(), ACTOR, "prospects.capture", circumstances=Circumstances("192.0.2.1", reason="call"), **more)


def stream() -> str:
    return f"prospects/{uuid4()}"


def run(database, making):
    """Await something with the pool of an event loop open."""

    async def within():
        await database.start()
        try:
            return await making()
        finally:
            await database.stop()

    return asyncio.run(within())


def test_it_is_the_log_of_the_ports(log):
    assert isinstance(log, Log)


def test_facts_come_back_sealed_and_open_to_what_they_were(log):
    name, given = stream(), meta()
    appended = log.submit(name, 0, [ADA, StageMoved("new", "met")], given).result(10)
    assert (appended.first, appended.last, appended.version) == (1, 2, 2)
    first, second = log.read(0)
    assert isinstance(first.fact, Captured)
    assert isinstance(first.fact.name, Sealed)
    assert isinstance(first.meta.circumstances, Sealed)
    assert log.open(first.fact) == ADA
    assert log.open(first.meta.circumstances) == given.circumstances
    assert (first.meta.event, first.meta.subjects) == (given.event, (first.id,))
    assert second.meta.event != given.event
    assert (second.fact, second.version, second.at) == (StageMoved("new", "met"), 2, appended.at)


def test_a_stream_is_loaded_opened(log, database):
    name = stream()
    log.submit(name, 0, [ADA], meta()).result(10)
    loaded = run(database, lambda: log.load(name, prospects))
    assert (loaded.state.captured, loaded.version, loaded.position) == (ADA, 1, 1)


def test_who_builds_on_an_old_version_is_told_the_new_one(log):
    name = stream()
    log.submit(name, 0, [ADA], meta()).result(10)
    with pytest.raises(Conflict) as conflict:
        log.submit(name, 0, [ADA], meta()).result(10)
    assert conflict.value.actual == 1


def test_one_value_of_its_kind(log):
    log.submit(stream(), 0, [ADA], meta()).result(10)
    with pytest.raises(Taken) as taken:
        log.submit(stream(), 0, [Captured("Bob", "  ADA@example.org", "")], meta()).result(10)
    assert taken.value.scope == "prospects.email"
    log.submit(stream(), 0, [Captured("Bob", "bob@example.org", "")], meta()).result(10)


def test_a_repeat_is_answered_with_what_happened(log, database):
    name, once = stream(), Once(uuid4(), "key", b"request")
    first = log.submit(name, 0, [ADA], meta(), once).result(10)
    again = log.submit(name, 0, [ADA], meta(), once).result(10)
    assert (again.repeated, again.first, again.last, again.version) == (True, first.first, first.last, 1)
    assert run(database, lambda: log.repeat(once)) == again
    other = Once(once.credential, once.key, b"another")
    with pytest.raises(Reused):
        log.submit(name, 1, [Noted("x")], meta(), other).result(10)
    with pytest.raises(Reused):
        run(database, lambda: log.repeat(other))
    assert run(database, lambda: log.repeat(Once(uuid4(), "key", b"request"))) is None
    assert log.head() == (1, 1)


def test_all_ways_of_reading_tell_the_same(log, database):
    names = [stream(), stream()]
    log.submit(names[0], 0, [ADA, SignalObserved("visit", 0.5), Noted("hi")], meta()).result(10)
    log.submit(names[1], 0, [Noted("alone")], meta()).result(10)
    log.submit(names[0], 3, [StageMoved("new", "met")], meta()).result(10)
    everything = log.read(0)
    assert [event.position for event in everything] == [1, 2, 3, 4, 5]
    assert log.read(1, 2) == log.read(0, 100, 3)[1:] == everything[1:3]
    assert run(database, lambda: log.tail(3)) == everything[3:]
    ones = [event for event in everything if event.stream == names[0]]
    assert list(log.stream(names[0])) == run(database, lambda: log.history(names[0])) == ones
    assert list(log.stream(names[0], 2)) == run(database, lambda: log.history(names[0], 2)) == ones[:2]
    assert run(database, lambda: log.opened(everything)) == log.open(everything)


def test_an_append_of_nothing_stamps_the_request(log):
    once = Once(uuid4(), "key", b"request")
    first = log.submit(stream(), 0, [], meta(), once).result(10)
    assert first.first > first.last
    assert log.submit(stream(), 0, [ADA], meta(), once).result(10).repeated
    assert log.head() == (1, 0)


def test_a_caller_who_goes_away_leaves_the_append_under_way(log, database):
    async def impatient():
        async def wait():
            await log.submit(stream(), 0, [ADA], meta())

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)

    asyncio.run(impatient())
    log.submit(stream(), 0, [Noted("later")], meta()).result(10)
    assert log.head() == (1, 2)


def test_nothing_is_asked_of_the_database_on_the_event_loop(log, database, monkeypatch):
    asked = []
    query = type(database).query

    def watched(self, *args):
        asked.append(threading.current_thread() is threading.main_thread())
        return query(self, *args)

    monkeypatch.setattr(type(database), "query", watched)

    async def use():
        await log.submit(stream(), 0, [ADA], meta())
        await log.repeat(Once(uuid4(), "key", b""))
        await log.tokened("scope", "value")
        log._ring.forget(event.meta.actor.id for event in [(await log.tail(0))[0]])
        await log.opened(await log.tail(0))

    run(database, use)
    assert asked
    assert not any(asked)


def test_when_too_much_waits_the_caller_is_asked_to_come_again(log, monkeypatch):
    def busy(self, atom, tell):
        raise Busy("Too much waits already.")

    log.submit(stream(), 0, [Noted("keys are at hand now")], meta()).result(10)
    monkeypatch.setattr(type(log._recorder), "hand", busy)
    with pytest.raises(Unanswered):
        log.submit(stream(), 0, [Noted("x")], meta()).result(10)


def test_a_log_that_is_closed_says_so(database, committer, tenant, tmp_path):
    with Logs(database, committer, FileKMS(tmp_path / "kms"), DECIDERS) as logs:
        log = logs.of(tenant)
    with pytest.raises(RuntimeError, match="shutdown"):
        log.submit(stream(), 0, [ADA], meta()).result(10)

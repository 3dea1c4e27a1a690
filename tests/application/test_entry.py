"""Who comes in from where they were not seen lately is on record before they are answered, once, and fills no log."""

import asyncio
from types import SimpleNamespace
from uuid import UUID

import pytest
from msgspec.structs import replace

from application.api_keys import Keyring
from application.audit import Trail
from application.entry import PERIOD, Entry
from application.kernel import Caller
from application.pending import Pending
from application.ports import Appended, Closed, NoRoom
from domain.audit import SignedIn
from domain.kernel import Actor, Circumstances
from tests.memory import MemoryLogs

TENANT, OTHER, KEY = UUID(int=1), UUID(int=2), UUID(int=3)
DESK = Circumstances(ip="192.0.2.7", session="desk-7", agent="Firefox", reason="a call")
CALLER = Caller(tenant=TENANT, actor=Actor("key", KEY), circumstances=DESK, correlation=UUID(int=4), trace="trace")


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Held(MemoryLogs):
    """Logs that neither do nor answer anything before they are let go."""

    def __init__(self):
        super().__init__()
        self.waiting = []

    def of(self, tenant):
        log = super().of(tenant)

        def submit(*given):
            pending: Pending[Appended] = Pending()
            self.waiting.append(lambda: pending.set_result(log.submit(*given).result()))
            return pending

        return SimpleNamespace(submit=submit, facts=log.facts)

    def let_go(self):
        for each in self.waiting:
            each()


class Hasty(Trail):
    """A trail that is not waited for."""

    async def signed_in(self, caller, fact):
        self.later = asyncio.create_task(super().signed_in(caller, fact))


class Full(MemoryLogs):
    """Logs that take nothing while there is a problem."""

    problem = None

    def of(self, tenant):
        log = super().of(tenant)

        def submit(*given):
            if self.problem:
                raise self.problem
            return log.submit(*given)

        return SimpleNamespace(submit=submit, facts=log.facts)


def entered(logs, trail=None, clock=None):
    return Entry(Keyring(logs), logs, trail or Trail(logs), clock or Clock())


def come(entry, *callers):
    async def all_of_them():
        for each in callers:
            await entry.seen(each)

    asyncio.run(all_of_them())


def at(**where):
    return replace(CALLER, circumstances=replace(DESK, **where))


def told(logs, tenant=TENANT):
    return logs.of(tenant).facts


def test_who_comes_in_is_on_record_with_the_key_and_from_where():
    logs = MemoryLogs()
    come(entered(logs), CALLER)
    [found] = told(logs)
    assert found.fact == SignedIn(f"api_keys/{KEY}")
    assert found.stream == f"audit/{found.meta.event}"
    assert (found.meta.actor, found.meta.correlation, found.meta.trace) == (CALLER.actor, UUID(int=4), "trace")
    assert found.meta.circumstances == replace(DESK, reason=""), "the reason is that of what was asked"


def test_the_same_place_is_not_told_of_again_within_the_period():
    logs, clock = MemoryLogs(), Clock()
    entry = entered(logs, clock=clock)
    come(entry, CALLER, CALLER, at(reason="another"))
    clock.now += PERIOD - 1
    come(entry, CALLER)
    assert len(told(logs)) == 1
    clock.now += 1
    come(entry, CALLER, CALLER)
    assert len(told(logs)) == 2


@pytest.mark.parametrize(
    "other",
    [
        at(ip="192.0.2.8"),
        at(session="desk-8"),
        at(agent="curl"),
        replace(CALLER, on_behalf_of=Actor("user", UUID(int=8))),
        replace(CALLER, actor=Actor("key", UUID(int=9))),
        replace(CALLER, tenant=OTHER),
    ],
    ids=["address", "session", "agent", "for whom", "key", "tenant"],
)
def test_another_place_or_key_is_told_of(other):
    logs = MemoryLogs()
    come(entered(logs), CALLER, other, other)
    assert [each.meta.circumstances for each in (*told(logs), *told(logs, OTHER))] == [
        replace(each.circumstances, reason="") for each in (CALLER, other)
    ]


@pytest.mark.parametrize(("made", "waits"), [(Trail, True), (Hasty, False)], ids=["waited for", "control"])
def test_nobody_is_answered_from_a_place_that_is_not_on_record_yet(made, waits):
    """Two ask at once from the same place, and a crash may come after either's answer."""
    logs = Held()

    async def both():
        entry = entered(logs, made(logs))
        asked = [asyncio.create_task(entry.seen(CALLER)) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert told(logs) == []
        answered = [each.done() for each in asked]
        logs.let_go()
        await asyncio.gather(*asked)
        return answered

    assert asyncio.run(both()) == [not waits] * 2
    assert len(told(logs)) == 1


def test_who_gives_up_waiting_takes_the_record_along_from_nobody():
    logs = Held()

    async def both():
        entry = entered(logs)
        first, second = (asyncio.create_task(entry.seen(CALLER)) for _ in range(2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        assert not second.done()
        logs.let_go()
        await second

    asyncio.run(both())
    assert len(told(logs)) == 1


@pytest.mark.parametrize(("rate", "apart"), [(3, 3), (600, 20)], ids=["bounded", "control"])
def test_changing_user_agents_of_one_key_fill_no_log_and_hide_no_other(rate, apart):
    logs = MemoryLogs()
    trail = Trail(logs, rate=rate)
    other = replace(CALLER, actor=Actor("key", UUID(int=9)))
    come(entered(logs, trail), *[at(agent=f"agent {n}") for n in range(20)], other)
    assert [each.meta.actor for each in told(logs)] == [CALLER.actor] * apart + [other.actor]
    asyncio.run(trail.tell())
    mine = [each.fact for each in told(logs) if each.meta.actor == CALLER.actor]
    assert sum(1 + each.more for each in mine) == 20
    assert {each.credential for each in mine} == {f"api_keys/{KEY}"}


def test_sign_ins_use_up_no_rate_of_refusals():
    from tests.application.test_audit import PROBE

    logs = MemoryLogs()
    trail = Trail(logs, rate=3)
    come(entered(logs, trail), *[at(agent=f"agent {n}") for n in range(20)])
    assert asyncio.run(trail.refused(CALLER, PROBE))


@pytest.mark.parametrize("problem", [NoRoom(), Closed(), ValueError()])
def test_where_the_log_takes_nothing_they_are_answered_all_the_same_and_told_of_later(problem):
    logs = Full()
    trail = Trail(logs)
    logs.problem = problem
    come(entered(logs, trail), CALLER, CALLER)
    assert told(logs) == []
    logs.problem = None
    asyncio.run(trail.tell())
    assert [each.fact for each in told(logs)] == [SignedIn(f"api_keys/{KEY}")]


def test_few_places_are_remembered_and_those_in_use_are(monkeypatch):
    monkeypatch.setattr("application.entry.PLACES", 3)
    logs = MemoryLogs()
    entry = entered(logs)
    for n in range(50):
        come(entry, CALLER, at(agent=f"agent {n}"))
    assert len(entry._places) == 3
    agents = [each.meta.circumstances.agent for each in told(logs)]
    assert agents.count(DESK.agent) == 1, "whoever is forgotten, it is not who asks all the time"
    come(entry, at(agent="agent 0"))
    assert len(told(logs)) == len(agents) + 1, "more is told, never less"

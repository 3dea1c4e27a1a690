"""Refusals beyond a rate: counted for whose they are, and told of, whatever happens next but a crash."""

import asyncio
from itertools import count
from types import SimpleNamespace
from uuid import UUID

import pytest
from msgspec.structs import replace

from application.audit import NOBODY, Trail
from application.kernel import Caller
from application.pipeline import Asked, Rejected
from application.ports import Closed, Unanswered
from application.prospects import Move
from domain.audit import Denial
from domain.kernel import Actor, Circumstances
from tenants.context import SYSTEM
from tests.application.piped import ADA, TENANT, Permits, caller, piped
from tests.memory import MemoryLogs
from tests.waiting import until

NOISE = Denial("prospects.Move", "prospects.move", "prospects.unknown", f"prospects/{ADA}")
PROBE = Denial("api_keys.Issue", "api_keys.issue", "access.denied")
OTHER = Caller(tenant=TENANT, actor=Actor("key", UUID(int=5)))


@pytest.fixture
def logs():
    return MemoryLogs()


def told(logs, tenant=TENANT):
    return [(each.meta.actor, each.fact) for each in logs.of(tenant).facts]


def refused(trail, *denials, by=caller):
    async def all_of_them():
        return [await trail.refused(by, denial) for denial in denials]

    return asyncio.run(all_of_them())


def test_one_who_makes_noise_hides_no_other_s_refusals(logs):
    trail = Trail(logs, rate=3)
    assert refused(trail, *[NOISE] * 5)[3:] == [None, None]
    assert refused(trail, PROBE, by=OTHER) != [None]
    assert told(logs)[3:] == [(OTHER.actor, PROBE)]


def test_what_was_only_counted_is_told_by_code_though_nothing_else_is_refused(logs):
    trail = Trail(logs, rate=3)
    refused(trail, *[NOISE] * 7, PROBE, PROBE)
    assert len(told(logs)) == 3

    async def later():
        async with trail.telling(0.01):
            await asyncio.to_thread(until, lambda: len(told(logs)) == 5)
            await asyncio.sleep(0.05)

    asyncio.run(later())
    rest = {fact.code: (actor, fact) for actor, fact in told(logs)[3:]}
    assert rest == {
        "prospects.unknown": (caller.actor, replace(NOISE, more=3)),
        "access.denied": (caller.actor, replace(PROBE, more=1)),
    }
    assert len(told(logs)) == 5, "each of them once"


def test_what_was_only_counted_is_told_at_the_end(logs):
    trail = Trail(logs, rate=1)

    async def brief():
        before = len(told(logs))
        async with trail.telling(3600):
            noted = [await trail.refused(caller, PROBE) for _ in range(4)]
            assert len(told(logs)) == before + 4 - noted.count(None)

    asyncio.run(brief())
    assert [fact.more for _, fact in told(logs)] == [0, 2]
    asyncio.run(brief())
    assert sum(1 + fact.more for _, fact in told(logs)) == 8, "nothing is told twice, and nothing left out"


def test_a_whole_pipeline_is_counted(logs):
    """In the words of the finding: a Viewer burns the rate with noise, then probes."""
    pipeline = piped(logs, Permits("prospects.move"), rate=2)

    async def probed():
        async with pipeline._trail.telling(3600):
            for _ in range(5):
                with pytest.raises(Rejected):
                    await pipeline.run(caller, Asked(Move(stage="met"), ADA))

    asyncio.run(probed())
    assert sum(1 + fact.more for _, fact in told(logs)) == 5


class Failing(MemoryLogs):
    """Logs that do what they are told, and then say otherwise, or do nothing."""

    def __init__(self, problem, *, written):
        super().__init__()
        self.problem, self.written = problem, written

    def of(self, tenant):
        log = super().of(tenant)
        if self.problem is None:
            return log

        def submit(stream, expected, facts, meta, once=None):
            if self.written:
                log.submit(stream, expected, facts, meta, once)
            raise self.problem

        return SimpleNamespace(submit=submit)


@pytest.mark.parametrize("written", [False, True])
def test_what_nobody_answered_for_is_told_once_later(written):
    logs = Failing(None, written=written)
    trail = Trail(logs, rate=1)
    refused(trail, *[PROBE] * 4)
    logs.problem = Unanswered()
    asyncio.run(trail.tell())
    asyncio.run(trail.tell())
    # What is counted meanwhile is told by itself.
    trail.count(caller, PROBE)
    logs.problem = None
    asyncio.run(trail.tell())
    asyncio.run(trail.tell())
    assert [fact.more for _, fact in told(logs)] == [0, 2, 0]


def test_what_cannot_be_told_any_more_is_in_nobody_s_way():
    logs = Failing(None, written=False)
    trail = Trail(logs)
    trail.count(caller, PROBE)
    logs.problem = Closed()
    asyncio.run(trail.tell())
    logs.problem = None
    asyncio.run(trail.tell())
    assert told(logs) == []


def test_however_many_are_refused_few_things_are_remembered(logs, monkeypatch):
    monkeypatch.setattr("application.audit.APART", 3)
    trail = Trail(logs)
    for n in range(50):
        trail.count(replace(caller, actor=Actor("key", UUID(int=n))), PROBE)
    assert len(trail._counted) == 4
    asyncio.run(trail.tell())
    assert sum(1 + fact.more for _, fact in told(logs)) == 50
    assert [(actor, fact.more) for actor, fact in told(logs) if actor == NOBODY] == [(NOBODY, 46)]


def test_strangers_at_one_address_hide_no_other_s_and_fill_no_log(logs):
    trail, addresses = Trail(logs, rate=5, strangers=2), count(1)
    denial = Denial("authenticate", "", "auth.invalid")

    def guess(address):
        stranger = Caller(tenant=TENANT, actor=NOBODY, circumstances=Circumstances(ip=address))
        asyncio.run(trail.turned_away(stranger, denial))

    for _ in range(10):
        guess("192.0.2.7")
    guess("192.0.2.8")
    assert [each.meta.circumstances.ip[-1] for each in logs.of(TENANT).facts] == ["7", "7", "8"]
    for _ in range(30):
        guess(f"198.51.100.{next(addresses)}")
    assert len(told(logs)) == 5
    asyncio.run(trail.tell())
    assert sum(1 + fact.more for _, fact in told(logs)) == 41
    assert told(logs, SYSTEM) == []

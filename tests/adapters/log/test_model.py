"""The log against its model in memory: any order of calls has the same answers and the same facts."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace

from application.kernel import Once
from application.ports import Conflict, Reused, Taken
from domain.kernel import Actor, Circumstances, Meta
from domain.prospects import Captured, Lost, Noted, SignalObserved, StageMoved, Won, prospects
from tests.memory import MemoryLog

STREAMS = [f"prospects/{UUID(int=n)}" for n in range(3)]
ACTORS = [Actor("user", UUID(int=100 + n)) for n in range(2)]
FACTS = st.one_of(
    st.builds(Captured, st.text(max_size=5), st.sampled_from(["a@x.org", "b@x.org", "c@x.org"]), st.just("")),
    st.builds(SignalObserved, st.just("visit"), st.just(0.5), st.tuples(st.sampled_from("ab"))),
    st.builds(StageMoved, st.just("new"), st.sampled_from(["met", "offer"])),
    st.builds(Won, st.just("met"), st.integers(0, 9), st.just("EUR")),
    st.builds(Lost, st.just("met"), st.text(max_size=5)),
    st.builds(Noted, st.text(max_size=5)),
).filter(lambda fact: "\x00" not in repr(fact))


class Both(RuleBasedStateMachine):
    """The real log and the model side by side."""

    real_log: Callable[[], Any]
    wait: Callable[[Any], Any]

    def __init__(self):
        super().__init__()
        self.log = type(self).real_log()
        self.model = MemoryLog(self.log.tenant)

    @rule(
        stream=st.sampled_from(STREAMS),
        off=st.sampled_from([0, 0, 0, -1, 1]),
        facts=st.lists(FACTS, min_size=1, max_size=3),
        actor=st.sampled_from(ACTORS),
        key=st.sampled_from([None, None, None, "k1", "k2"]),
        reason=st.sampled_from(["", "because"]),
    )
    def append(self, stream, off, facts, actor, key, reason):
        expected = max(0, sum(each.stream == stream for each in self.model.facts) + off)
        meta = Meta(uuid4(), actor, "test", circumstances=Circumstances(reason=reason) if reason else None)
        once = Once(UUID(int=1), key, repr((stream, facts)).encode()) if key else None
        assert self.tell(self.log, stream, expected, facts, meta, once) == self.tell(
            self.model, stream, expected, facts, meta, once
        )

    @staticmethod
    def tell(log, stream, expected, facts, meta, once):
        try:
            done = log.submit(stream, expected, facts, meta, once).result(10)
        except Conflict as conflict:
            return "conflict", conflict.actual
        except Taken as taken:
            return "taken", taken.scope
        except Reused:
            return "reused"
        return done.first, done.last, done.version, done.repeated

    @rule(stream=st.sampled_from(STREAMS))
    def load(self, stream):
        loaded = type(self).wait(self.log.load(stream, prospects))
        assert loaded == asyncio.run(self.model.load(stream, prospects))

    @invariant()
    def same_facts(self):
        real, model = self.log.open(self.log.read(0)), self.model.facts
        assert [(each.position, each.stream, each.version, each.fact, each.type) for each in real] == [
            (each.position, each.stream, each.version, each.fact, each.type) for each in model
        ]
        assert [(each.meta.actor, each.meta.circumstances) for each in real] == [
            (each.meta.actor, each.meta.circumstances) for each in model
        ]
        assert self.log.head()[1] == len(model)
        assert [each.at for each in real] == sorted(each.at for each in real)
        assert [replace(each.meta, circumstances=None).permission for each in real] == ["test"] * len(real)


def test_the_log_is_its_model(logs, database):
    def fresh():
        tenant = uuid4()
        logs.provision(tenant)
        return logs.of(tenant)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(database.start())

    class Real(Both):
        real_log = staticmethod(fresh)
        wait = staticmethod(loop.run_until_complete)

    try:
        run_state_machine_as_test(Real, settings=settings(max_examples=25, stateful_step_count=20, deadline=None))
    finally:
        loop.run_until_complete(database.stop())
        loop.close()

"""The log and a view over it against their model in memory: any order of calls has the same answers and effects.

The calls: append under an expected version, under an idempotency key, with a reserved mail address; load, also from a
snapshot; fold; park what a view cannot take; retry; rebuild; begin anew with nothing remembered.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch
from uuid import UUID, uuid4

import hypothesis
import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from msgspec import Struct

from adapters.embedded import Addresses
from adapters.kms import FileKMS
from adapters.log import Logs
from adapters.log import states as snapshots
from adapters.postgres import walls
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database
from adapters.postgres.roles import Roles
from adapters.postgres.tables import create
from adapters.postgres.views import Views
from application.kernel import Once
from application.ports import Conflict, Reused, Taken
from domain.kernel import Actor, Circumstances, Meta, Recorded
from domain.prospects import Captured, Lost, Noted, SignalObserved, StageMoved, Won, prospects
from projections.builds import Build
from projections.kernel import View, Where
from projections.runner import Runner
from tests.deciders import DECIDERS
from tests.memory import MemoryLog

STREAMS = [f"prospects/{UUID(int=n)}" for n in range(3)]
ACTORS = [Actor("user", UUID(int=100 + n)) for n in range(2)]
FACTS = st.one_of(
    st.builds(Captured, st.text(max_size=5), st.sampled_from(["a@x.org", "b@x.org", "c@x.org"]), st.just("")),
    st.builds(SignalObserved, st.sampled_from(["visit", "poison"]), st.just(0.5), st.tuples(st.sampled_from("ab"))),
    st.builds(StageMoved, st.just("new"), st.sampled_from(["met", "offer"])),
    st.builds(Won, st.just("met"), st.integers(0, 9), st.just("EUR")),
    st.builds(Lost, st.just("met"), st.text(max_size=5)),
    st.builds(Noted, st.text(max_size=5)),
).filter(lambda fact: "\x00" not in repr(fact))
STEPS = 14
"""Calls in an example."""
EVERY = 3
"""Facts after which a snapshot is written, many fewer than in earnest."""
BATCH = 3
"""Events that the view folds at once."""


class Tally(Struct, frozen=True):
    id: UUID
    facts: int
    order: str
    """The positions of its facts in the order in which they were applied."""


class Poison:
    """What the view cannot take, until it is repaired."""

    on = True


def _poisoned(recorded: Recorded) -> bool:
    return Poison.on and isinstance(recorded.fact, SignalObserved) and recorded.fact.kind == "poison"


def _evolve(rows: list[Tally], recorded: Recorded) -> list[Tally]:
    if _poisoned(recorded):
        raise ValueError
    row = rows[0] if rows else Tally(recorded.id, 0, "")
    return [Tally(row.id, row.facts + 1, f"{row.order} {recorded.position}")]


tally = View("tally", 1, Tally, lambda recorded: Where("id", recorded.id), _evolve)


class Picture:
    """The view's model: every event in its turn, each stream waiting behind what it could not take."""

    def __init__(self) -> None:
        self.at = 0
        self.rows: dict[UUID, Tally] = {}
        self.parked: list[Recorded] = []

    def fold(self, log: list[Recorded]) -> None:
        for event in log[self.at :]:
            self._take(event)
        self.at = len(log)

    def retry(self) -> None:
        again, self.parked = self.parked, []
        for event in again:
            self._take(event)

    def rebuild(self, log: list[Recorded]) -> None:
        self.__init__()  # type: ignore[misc] # it begins as it once began
        self.fold(log)

    def _take(self, event: Recorded) -> None:
        if _poisoned(event) or any(each.stream == event.stream for each in self.parked):
            self.parked.append(event)
        else:
            [row] = _evolve([self.rows[event.id]] if event.id in self.rows else [], event)
            self.rows[event.id] = row


class Ground(Struct, frozen=True):
    """Where machines stand: the real servers."""

    logs: Logs
    keeper: Database
    wait: Callable[[Any], Any]


class Machine(RuleBasedStateMachine):
    """The real log and view beside their models."""

    ground: ClassVar[Ground]
    calls: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        Poison.on = True
        tenant = uuid4()
        self.ground.logs.provision(tenant)
        self.log: Any = self.ground.logs.of(tenant)
        self.model = MemoryLog(tenant)
        self.picture = Picture()
        self.told = 0
        self.forget()

    @rule()
    def forget(self) -> None:
        """What a new process knows: nothing."""
        self.store = Views(self.log.tenant, self.ground.keeper, self.log)
        self.runner = Runner(self.log, self.store, (tally,), BATCH)
        for stream in STREAMS:
            self.log._states.forget(stream)

    @rule(
        stream=st.sampled_from(STREAMS),
        off=st.sampled_from([0, 0, 0, 0, -1, 1]),
        facts=st.lists(FACTS, min_size=1, max_size=3),
        actor=st.sampled_from(ACTORS),
        key=st.sampled_from([None, "k1", "k2"]),
        reason=st.sampled_from(["", "because"]),
    )
    def append(self, stream: str, off: int, facts: list[Any], actor: Actor, key: str | None, reason: str) -> None:
        expected = max(0, sum(each.stream == stream for each in self.model.facts) + off)
        meta = Meta(uuid4(), actor, "test", circumstances=Circumstances(reason=reason) if reason else None)
        once = Once(UUID(int=1), key, repr((stream, facts)).encode()) if key else None
        call = stream, expected, facts, meta, once
        real, model = _answer(self.log, *call), _answer(self.model, *call)
        self.calls[str(real[0]) if isinstance(real[0], str) else "repeated" if real[3] else "appended"] += 1
        assert real == model
        if once and real[0] not in ("reused", "conflict", "taken"):
            # Asked again in the same words, it is the same answer, wherever the log has got to.
            self.calls["repeated"] += 1
            assert _answer(self.log, *call) == (*real[:3], True) == _answer(self.model, *call)

    @rule(stream=st.sampled_from(STREAMS))
    def load(self, stream: str) -> None:
        self.calls["load"] += 1
        assert self.ground.wait(self.log.load(stream, prospects)) == asyncio.run(self.model.load(stream, prospects))

    @rule()
    def fold(self) -> None:
        self.calls["fold"] += 1
        self.runner.catch_up()
        self.picture.fold(self.model.facts)

    @precondition(lambda self: self.picture.parked)
    @rule(repaired=st.booleans())
    def retry(self, *, repaired: bool) -> None:
        self.fold()
        self.calls["retry"] += bool(self.picture.parked)
        Poison.on = not repaired
        self.runner.retry()
        self.picture.retry()

    @rule(repaired=st.booleans())
    def rebuild(self, *, repaired: bool) -> None:
        self.fold()
        self.calls["rebuild"] += 1
        Poison.on = not repaired
        self.runner.rebuild("tally")
        self.runner.catch_up()
        self.picture.rebuild(self.model.facts)

    @invariant()
    def same_log(self) -> None:
        real, model = self.log.open(self.log.read(self.told)), self.model.facts[self.told :]
        assert list(map(_seen, real)) == list(map(_seen, model))
        assert [each.at for each in real] == sorted(each.at for each in real)
        assert self.log.head()[1] == len(self.model.facts)
        self.told = len(self.model.facts)

    @invariant()
    def same_view(self) -> None:
        live = self.store.live()
        known = [each for each in self.store.checkpoints() if live.get((each.view, each.version)) == each.slot]
        assert [each.position for each in known] == ([self.picture.at] if known else [])
        if known:
            with self.store.work() as work:
                rows = list(work.scan(Build(tally, slot=known[0].slot)))
            assert rows == [self.picture.rows[id] for id in sorted(self.picture.rows)]
        parked = sorted(each.position for each in self.picture.parked)
        assert [each.event.position for each in self.store.parked()] == parked
        self.calls["parked"] += bool(parked)

    def teardown(self) -> None:
        self.told = 0
        self.same_log()


def _answer(log: Any, *call: Any) -> tuple[Any, ...]:
    try:
        done = log.submit(*call).result(60)
    except Conflict as conflict:
        return "conflict", conflict.actual
    except Taken as taken:
        return "taken", taken.scope
    except Reused:
        return ("reused",)
    return done.first, done.last, done.version, done.repeated


def _seen(each: Recorded) -> tuple[Any, ...]:
    meta = each.meta
    return each.position, each.stream, each.version, each.fact, each.type, meta.actor, meta.circumstances


@contextmanager
def ground(addresses: Addresses, home: Path) -> Iterator[Ground]:
    """Databases, keys, and the table of the view; a loop of its own for what is awaited."""
    with psycopg.connect(addresses.owner) as connection:
        create(connection, (tally,))
        walls.enclose(connection, Roles("everlog_app", "everlog_worker"))
    loop = asyncio.new_event_loop()
    with ExitStack() as stack:
        stack.callback(loop.close)
        database = stack.enter_context(Database(addresses.app))
        committer = stack.enter_context(Committer(addresses.app))
        keeper = stack.enter_context(Database(addresses.worker))
        logs = stack.enter_context(Logs(database, committer, FileKMS(home / "kms"), DECIDERS))
        stack.enter_context(patch.object(snapshots, "EVERY", EVERY))
        loop.run_until_complete(database.start())
        stack.callback(lambda: loop.run_until_complete(database.stop()))
        yield Ground(logs, keeper, loop.run_until_complete)


def examined(ground: Ground, examples: int, seed: int, *, shrink: bool = True) -> Counter[str]:
    """How often each call was made in so many examples. Raises what Hypothesis does where the two differ."""
    made = type("Made", (Machine,), {"ground": ground, "calls": Counter()})
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    run_state_machine_as_test(
        hypothesis.seed(seed)(made),
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
    return made.calls  # type: ignore[attr-defined] # the class was made with it above

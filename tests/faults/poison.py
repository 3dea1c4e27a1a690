"""Events that a view cannot take, one in a thousand of one tenant's: others hardly notice, and a fix makes all well."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from msgspec import Struct, field
from msgspec.structs import replace

from adapters.postgres.leases import Leases
from adapters.postgres.views import Views
from api import bootstrap
from api import settings as configuration
from api.bootstrap import Product
from domain.kernel import Actor, Meta, Recorded
from domain.prospects import Captured, SignalObserved
from projections.builds import Build
from projections.digest import EMPTY, digester, moved
from projections.funnel import funnel
from projections.kernel import Aggregate, View
from projections.prospects import prospects
from projections.runner import Runner
from projections.worker import Worker
from tests.faults import ground
from tests.faults.trial import Found, Trial
from tests.served import environment
from tests.waiting import until

POISON = "poison"
OTHERS = 3
MOST = 2.0
"""How many times as far behind others may be."""
LEAST = 0.005
"""Seconds of lag below which a difference is the clock's."""


class Scale(NamedTuple):
    events: int = 4000
    """Of the tenant with the poison, in each round."""
    every: int = 1000
    bulk: int = 200
    pause: float = 0.1
    """Seconds between two bulks, and two events of each other tenant."""


_FULL = Scale()


class Lags(Struct):
    """When each log was written, and how long until its views had seen it."""

    written: dict[tuple[UUID, int], float] = field(default_factory=dict)
    seconds: list[tuple[UUID, float]] = field(default_factory=list)

    def commit(self, tenant: UUID, _: int, position: int) -> None:
        self.written[tenant, position] = time.monotonic()

    def see(self, tenant: UUID, _: int, position: int) -> None:
        now = time.monotonic()
        for known in [each for each in self.written if each[0] == tenant and each[1] <= position]:
            self.seconds.append((tenant, now - self.written.pop(known)))


class Rig(Struct):
    product: Product
    poisoned: UUID
    others: list[UUID]
    scale: Scale
    attempted: int = 0


def run(trial: Trial) -> Found:
    return endure(trial, _FULL)


def endure(trial: Trial, scale: Scale, most: float = MOST) -> Found:
    found, clean, poisoned, stuck = Found(), Lags(), Lags(), Lags()
    with grounded(trial, scale) as rig:
        for _ in range(trial.cycles):
            # In pairs, so that whatever else the machine does weighs on both alike.
            round_of(rig, clean, refusing(0), poison=False)
            round_of(rig, poisoned, refusing(0), poison=True)
        found.violations += held_back(rig)
        ratio = behind(poisoned, rig) / behind(clean, rig)
        if ratio > most:
            found.violations.append(f"others were {ratio:.2f} times as far behind")
        found.notes = {
            "others' median lag without, s": round(behind(clean, rig), 4),
            "others' median lag with poison, s": round(behind(poisoned, rig), 4),
            "ratio": round(ratio, 2),
            "parked": sum(len(views(rig, each).parked(10_000)) for each in (rig.poisoned, *rig.others)),
        }
        fixed(rig)
        found.attempted = found.acknowledged = rig.attempted
        for tenant in (rig.poisoned, *rig.others):
            found.violations += other_than_folded(rig, tenant)
        # The control: a view that lets everybody wait for each poisonous event is found out. It comes last, for a new
        # release tries everything again that is parked.
        round_of(rig, stuck, refusing(1.0), poison=True)
        found.control_red = behind(stuck, rig) / behind(clean, rig) > MOST
    return found


@contextmanager
def grounded(trial: Trial, scale: Scale) -> Iterator[Rig]:
    with ExitStack() as stack:
        servers = stack.enter_context(ground.existing(trial.home / "servers"))
        settings = ground.direct(environment(EVERLOG_HOME=str(trial.home / "home")), servers)
        bootstrap.migrate(settings)
        product = stack.enter_context(bootstrap.product(configuration_of(settings), worker=True))
        tenants = [uuid4() for _ in range(OTHERS + 1)]
        for tenant in tenants:
            product.logs.provision(tenant)
        yield Rig(product, tenants[0], tenants[1:], scale)


def configuration_of(settings: configuration.Settings) -> configuration.Settings:
    """Without the owner, as every process that serves."""
    return replace(settings, owner="")


def refusing(pause: float) -> tuple[View[Any], Aggregate[Any]]:
    """The list of prospects and its funnel in a release with a fault: one poison it trips over, another it stores."""

    def evolve(rows: list[Any], recorded: Recorded) -> list[Any]:
        fact = recorded.fact
        if isinstance(fact, SignalObserved) and fact.kind.startswith(POISON):
            time.sleep(pause)
            if fact.kind == POISON:
                raise ValueError(fact.kind)
            return [replace(row, stage="\0") for row in rows]
        return prospects.evolve(rows, recorded)

    view = replace(prospects, evolve=evolve)
    return view, replace(funnel, of=view)


def round_of(rig: Rig, lags: Lags, models: Sequence[Any], *, poison: bool) -> None:
    """One stretch of traffic, the same each time but for the poison, until all views have seen all of it."""
    with working(rig, lags, models), watched(rig, lags):
        for number in range(0, rig.scale.events, rig.scale.bulk):
            _write(rig, number, poison=poison)
            time.sleep(rig.scale.pause)
        until(lambda: not lags.written, 180)


@contextmanager
def watched(rig: Rig, lags: Lags) -> Iterator[None]:
    forget = rig.product.committer.watch(lags.commit)
    try:
        yield
    finally:
        forget()


@contextmanager
def working(rig: Rig, lags: Lags, models: Sequence[Any]) -> Iterator[None]:
    """A worker of its own, as a release is that has just begun."""
    stop = threading.Event()
    leases = Leases(rig.product.database, uuid4())

    def runner(tenant: UUID) -> Runner:
        return Runner(rig.product.logs.of(tenant), views(rig, tenant), models, seen=lags.see)

    with rig.product.wakes.commits() as ear:
        worker = Worker(leases, rig.product.database.heads, runner, ear, 0.5)
        thread = threading.Thread(target=worker.run, args=(stop,), name="views")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _write(rig: Rig, number: int, *, poison: bool) -> None:
    """A bulk of the one tenant, and an event of each other."""
    pending = []
    for tenant, count in ((rig.poisoned, rig.scale.bulk // 2), *((each, 1) for each in rig.others)):
        log = rig.product.logs.of(tenant)
        for each in range(count):
            id = uuid4()
            kind = "visit"
            if poison and tenant == rig.poisoned and (number + 2 * each) % rig.scale.every == 0:
                kind = POISON if number % (2 * rig.scale.every) else f"{POISON} stored"
            facts = [Captured("Ada", f"{id}@example.org", "engines"), SignalObserved(kind, 0.5)]
            pending.append(log.submit(f"prospects/{id}", 0, facts, Meta(uuid4(), Actor("user", tenant), "", "")))
            rig.attempted += len(facts)
    for future in pending:
        future.result(120)


def behind(lags: Lags, rig: Rig) -> float:
    """The others' median lag in seconds."""
    return max(median(seconds for tenant, seconds in lags.seconds if tenant in rig.others), LEAST)


def views(rig: Rig, tenant: UUID) -> Views:
    return Views(tenant, rig.product.database, rig.product.logs.of(tenant))


def held_back(rig: Rig) -> list[str]:
    """Whether exactly the poison is parked, and everything but what it holds up is seen."""
    listed = {each.event.position for each in views(rig, rig.poisoned).parked(100_000) if each.event.behind is None}
    log = rig.product.logs.of(rig.poisoned)
    events = [each for start in range(0, log.head()[1], 1000) for each in log.read(start, 1000)]
    poison = {
        each.position for each in events if isinstance(each.fact, SignalObserved) and each.fact.kind.startswith(POISON)
    }
    found = [] if poison else ["there was no poison"]
    if listed != poison:
        found.append(f"{len(listed)} events are parked, and {len(poison)} are poison")
    if any(views(rig, each).parked() for each in rig.others):
        found.append("another tenant's events are parked")
    return found


def fixed(rig: Rig) -> None:
    """A release without the fault works until nothing is parked any more."""
    with working(rig, Lags(), (prospects, funnel)):
        until(lambda: not views(rig, rig.poisoned).parked(), 180)


def other_than_folded(rig: Rig, tenant: UUID) -> list[str]:
    """How the rows differ from what the sound view makes of the log in its order."""
    log, store = rig.product.logs.of(tenant), views(rig, tenant)
    events = [each for start in range(0, log.head()[1], 1000) for each in log.read(start, 1000)]
    rows: dict[Any, Any] = {}
    for recorded in events:
        where = prospects.select(recorded)
        if isinstance(recorded.fact, prospects.types) and where is not None:
            after = prospects.evolve([rows[where.value]] if where.value in rows else [], recorded)
            rows |= {row.id: row for row in after}
    [checkpoint] = store.checkpoints()
    with store.work() as work:
        stored = {row.id: row for row in work.scan(Build(prospects, slot=checkpoint.slot))}
    found = [] if stored == rows else ["the rows are not what the log folds to"]
    if checkpoint.digest != moved(EMPTY, sum(map(digester(prospects.row), rows.values()))):
        found.append("the digest is not that of what the log folds to")
    return found

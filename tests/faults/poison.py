"""Events that a view cannot take, one in a thousand of one tenant's: others hardly notice, and a fix makes all well."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch
from uuid import UUID, uuid4

from msgspec import Struct, field
from msgspec.structs import replace

from adapters.postgres.leases import Leases
from adapters.postgres.views import Transaction, Views
from api import bootstrap
from api.bootstrap import Product
from application.pending import Pending
from application.ports import Appended
from domain.kernel import Actor, Fact, Meta, Recorded
from domain.prospects import Captured, Lost, Rectified, SignalObserved, StageMoved
from projections.builds import Build, Parked
from projections.funnel import funnel
from projections.kernel import Aggregate, View
from projections.prospects import prospects
from projections.runner import Runner
from projections.worker import Worker
from tests.faults import ground
from tests.faults.account import Account
from tests.faults.control import unseen
from tests.faults.evidence import counted
from tests.faults.parked import POISON, ROWS, SUMS, due, misplaced, poisonous, unlike, whole
from tests.faults.trial import Found, Trial
from tests.served import environment
from tests.waiting import until

OTHERS = 3
MOST = 2.0
"""How many times as far behind others may be."""
LEAST = 0.005
"""Seconds of lag below which a difference is the clock's."""
STALL = 0.1
"""Seconds for which everybody waits for each poisonous event, in the control."""
ASIDE = 4
"""Events of each poisoned prospect that are parked: the poison and three that follow it."""


class Scale(NamedTuple):
    events: int = 4000
    """Of the tenant with the poison, in each round."""
    every: int = 1000
    bulk: int = 200
    pause: float = 0.1
    """Seconds between two bulks, and two events of each other tenant."""

    @property
    def poisoned(self) -> set[int]:
        """The numbers of the bulks that have poison in them."""
        return {number // self.bulk for number in range(0, self.events, self.every)}


_FULL = Scale()


class Lags(Struct):
    """How long it took until views had seen what was written, by tenant and by the bulk in which it was."""

    bulk: int = 0
    """The one that is being written."""
    written: dict[tuple[UUID, int], tuple[int, float]] = field(default_factory=dict)
    seconds: list[tuple[UUID, int, float]] = field(default_factory=list)

    def commit(self, tenant: UUID, _: int, position: int) -> None:
        self.written[tenant, position] = self.bulk, time.monotonic()

    def see(self, tenant: UUID, _: int, position: int) -> None:
        now = time.monotonic()
        for known in list(self.written):
            if known[0] == tenant and known[1] <= position:
                bulk, at = self.written.pop(known)
                self.seconds.append((tenant, bulk, now - at))


class Rig(Struct):
    product: Product
    poisoned: UUID
    others: list[UUID]
    accounts: dict[UUID, Account]
    scale: Scale


def run(trial: Trial) -> Found:
    return endure(trial, _FULL)


def endure(trial: Trial, scale: Scale, most: float = MOST) -> Found:
    found, clean, poisoned = Found(), Lags(), Lags()
    with grounded(trial, scale) as rig:
        # Whoever comes first pays for what is cold still.
        round_of(rig, Lags(), refusing(0), poison=False)
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
            "others' median lag in the same bulks with poison, s": round(behind(poisoned, rig), 4),
            "ratio": round(ratio, 2),
            "parked": len(due(whole(rig.product.logs.of(rig.poisoned)))),
        }
        fixed(rig)
        for tenant, account in rig.accounts.items():
            log = whole(rig.product.logs.of(tenant))
            found.add(counted(account.ledger, log, learned=False))
            found.violations += unlike(views(rig, tenant), log)
        found.control_red = stalled(rig, clean, found) and backwards(rig)
        log = whole(rig.product.logs.of(rig.poisoned))
        found.control_red &= not unseen(rig.accounts[rig.poisoned].ledger, log, learned=False)
    return found


@contextmanager
def grounded(trial: Trial, scale: Scale) -> Iterator[Rig]:
    with ExitStack() as stack:
        servers = stack.enter_context(ground.existing(trial.home / "servers"))
        settings = ground.direct(environment(EVERLOG_HOME=str(trial.home / "home")), servers)
        bootstrap.migrate(settings)
        # Without the owner, as every process that serves.
        product = stack.enter_context(bootstrap.product(replace(settings, owner=""), worker=True))
        tenants = [uuid4() for _ in range(OTHERS + 1)]
        for tenant in tenants:
            product.logs.provision(tenant)
        accounts = {tenant: Account(product.logs.of(tenant)) for tenant in tenants}
        yield Rig(product, tenants[0], tenants[1:], accounts, scale)


def refusing(pause: float) -> tuple[View[Any], Aggregate[Any]]:
    """The list of prospects and its funnel in a release with a fault: one poison it trips over, another it stores.

    It pauses at each the first time that it meets it.
    """
    met = set[int]()

    def evolve(rows: list[Any], recorded: Recorded) -> list[Any]:
        if not poisonous(recorded):
            return prospects.evolve(rows, recorded)
        if recorded.position not in met:
            met.add(recorded.position)
            time.sleep(pause)
        if isinstance(recorded.fact, SignalObserved) and recorded.fact.kind == POISON:
            raise ValueError(POISON)
        # Nothing that follows puts this right, so that the row cannot be stored whatever else is in the batch.
        return [replace(row, currency="\0") for row in rows]

    view = replace(prospects, evolve=evolve)
    return view, replace(funnel, of=view)


def round_of(rig: Rig, lags: Lags, models: Sequence[Any], *, poison: bool) -> None:
    """One stretch of traffic, the same each time but for the poison, until all views have seen all of it."""
    with working(rig, lags, models), watched(rig, lags):
        marked = list[str]()
        for number in range(0, rig.scale.events, rig.scale.bulk):
            lags.bulk = number // rig.scale.bulk
            marked = _write(rig, number, marked, poison=poison)
            time.sleep(rig.scale.pause)
        for future in _close(rig, marked):
            future.result(120)
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


def _write(rig: Rig, number: int, marked: Sequence[str], *, poison: bool) -> list[str]:
    """A bulk of the one tenant, and a prospect of each other; those that were marked in the bulk before are lost.

    Answers with those that are marked now. Where there is poison they have it, and what follows in their streams comes
    out otherwise in another order.
    """
    pending, now = _close(rig, marked), list[str]()
    for tenant, count in ((rig.poisoned, rig.scale.bulk // 2), *((each, 1) for each in rig.others)):
        for each in range(count):
            id = uuid4()
            email, kind, more = f"{id}@example.org", "visit", list[Fact]()
            if tenant == rig.poisoned and (number + 2 * each) % rig.scale.every == 0:
                now.append(f"prospects/{id}")
                more = [StageMoved("new", "met"), Rectified("Ada", email, "looms", ())]
                if poison:
                    kind = POISON if number % (2 * rig.scale.every) else f"{POISON} stored"
            facts = [Captured("Ada", email, "engines"), SignalObserved(kind, 0.5), *more]
            pending.append(_append(rig, tenant, f"prospects/{id}", 0, facts))
    for future in pending:
        future.result(120)
    return now


def _close(rig: Rig, marked: Sequence[str]) -> list[Pending[Appended]]:
    return [_append(rig, rig.poisoned, each, ASIDE, [Lost("met", "")]) for each in marked]


def _append(rig: Rig, tenant: UUID, stream: str, expected: int, facts: Sequence[Fact]) -> Pending[Appended]:
    return rig.accounts[tenant].submit(stream, expected, facts, Meta(uuid4(), Actor("user", tenant), "", ""))


def behind(lags: Lags, rig: Rig) -> float:
    """The others' median lag in seconds, in those bulks alone that have poison in the rounds with poison."""
    bulks = rig.scale.poisoned
    return max(median(seconds for who, bulk, seconds in lags.seconds if who in rig.others and bulk in bulks), LEAST)


def views(rig: Rig, tenant: UUID) -> Views:
    return Views(tenant, rig.product.database, rig.product.logs.of(tenant))


def held_back(rig: Rig) -> list[str]:
    """Whether exactly the poison is parked, with what follows it in its stream."""
    wanted = due(whole(rig.product.logs.of(rig.poisoned)))
    found = [] if wanted else ["there was no poison"]
    found += misplaced(rig.product.settings, views(rig, rig.poisoned), wanted)
    if any(views(rig, each).parked() for each in rig.others):
        found.append("another tenant's events are parked")
    return found


def fixed(rig: Rig) -> None:
    """A release without the fault works until nothing is parked any more."""
    with working(rig, Lags(), (prospects, funnel)):
        until(lambda: not views(rig, rig.poisoned).parked(), 180)


def stalled(rig: Rig, clean: Lags, found: Found) -> bool:
    """The control: a view that lets everybody wait a little for each poisonous event has to be found.

    It comes last, for a new release tries everything again that is parked.
    """
    stuck = Lags()
    round_of(rig, stuck, refusing(STALL), poison=True)
    ratio = behind(stuck, rig) / behind(clean, rig)
    found.notes["ratio of the control"] = round(ratio, 2)
    return ratio > MOST


def backwards(rig: Rig) -> bool:
    """The control: what is parked is tried again from the end, and rows and sums have to be found wrong."""
    parked = Transaction.parked

    def turned(self: Transaction, build: Build) -> list[Parked]:
        return parked(self, build)[::-1]

    with patch.object(Transaction, "parked", turned):
        fixed(rig)
    return {ROWS, SUMS} <= set(unlike(views(rig, rig.poisoned), whole(rig.product.logs.of(rig.poisoned))))

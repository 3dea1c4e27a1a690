"""Several API and worker processes over one database: one after another is killed, and others take over its work.

The callers of one organisation write through all API processes, and repeat each request through another than the last.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import psycopg

from api import bootstrap
from api.settings import Settings
from tests.faults.aftermath import aftermath, last, late, settled, signalled
from tests.faults.callers import Caller, Everywhere, calling, together
from tests.faults.crew import API, LEARNING, VIEWS, Manned, manned, shares
from tests.faults.evidence import counted
from tests.faults.onlookers import onlookers
from tests.faults.trial import Found, Trial
from tests.waiting import until

FAIR = 30.0
"""Seconds within which those who work share the tenants evenly."""
ENOUGH = 6
"""Requests of the control: prospects, and signals about them."""
NAMES = (f"{API} 1", f"{API} 2", f"{VIEWS} 1", f"{VIEWS} 2", f"{LEARNING} 1", f"{LEARNING} 2")


class Scale(NamedTuple):
    organisations: int = 4
    limit: float = 10.0
    """Seconds within which a dead worker's tenants are another's."""
    control: float = 10.0
    """Seconds for which the control waits for a worker that nobody starts."""


_FULL = Scale()


def run(trial: Trial) -> Found:
    dice = trial.dice()
    kinds = (VIEWS, LEARNING, VIEWS, API)
    killed = [f"{kinds[number % len(kinds)]} {dice.choice((1, 2))}" for number in range(trial.cycles)]
    return endure(trial, NAMES, killed)


def endure(trial: Trial, names: Sequence[str], killed: Sequence[str], scale: Scale = _FULL) -> Found:
    found = Found()
    learns = any(name.startswith(LEARNING) for name in names)
    with manned(trial.home, names) as all_of_it:
        *organisations, shared = all_of_it.organisations(scale.organisations + 1)
        callers = [Caller(each, writes=True, pause=0.1, signals=learns) for each in organisations]
        urls = all_of_it.crew.urls
        twofold = [Everywhere(shared, each, signals=learns) for each in (urls, urls[::-1])]
        tenants = [each.tenant for each in (*organisations, shared)]
        watched = [(each.url, each.tenant, each.key) for each in (*organisations, shared)]
        with onlookers(lambda: all_of_it.direct, watched) as eyes:
            with calling([*callers, *twofold]):
                for number, name in enumerate(killed, 1):
                    found.violations += evenly(all_of_it.direct, names)
                    undone, seconds = _without(all_of_it, tenants, [name], scale.limit)
                    found.violations += [f"{name} was killed, and after {scale.limit} s {what}" for what in undone]
                    found.notes[f"{number} {name}"] = f"taken over after {seconds:.1f} s"
            # The control: where nobody is left to take over, that is found out.
            everybody = [name for name in names if name.startswith(VIEWS)]
            with calling([Caller(each, writes=True, signals=learns) for each in organisations[:1]]) as more:
                missed, _ = _without(all_of_it, tenants[:1], everybody, scale.control)
            found.control_red = bool(missed) and forgets(all_of_it)
            since = time.monotonic()
            lags = [settled(all_of_it.direct, each, signalled(all_of_it.direct, each), since) for each in tenants]
            eyes.arrive(all_of_it.direct.nats)
        all_of_it.crew.stop()
        own = [together([caller, *more][: 2 - bool(number)]) for number, caller in enumerate(callers)]
        accounts = [*own, together(twofold)]
        stands = [aftermath(all_of_it.direct, tenant) for tenant in tenants]
        found.control_red &= not learns or not eyes.missed(accounts[0], stands[0])
    found.late = late(max(lags))
    found.add(eyes.judge(accounts, stands, whole=False))
    found.violations += [wrong for each in twofold for wrong in each.wrong]
    if len(accounts[-1].acknowledged) != len(accounts[-1].attempted):
        found.violations.append("not all that was repeated until it was done was done")
    found.notes["repeated elsewhere and done already"] = sum(each.again for each in twofold)
    return found


def forgets(all_of_it: Manned) -> bool:
    """The second control: whoever repeats a request under another key has it done again, and is found out."""
    [organisation] = all_of_it.organisations(1)
    caller = Everywhere(organisation, all_of_it.crew.urls, forgetful=True)
    with calling([caller]):
        until(lambda: len(caller.ledger.acknowledged) > ENOUGH)
    with bootstrap.product(all_of_it.direct, worker=True) as product:
        log = product.logs.of(organisation.tenant).read(0)
    return bool(caller.wrong) and counted(caller.ledger, log).duplicated > 0


def evenly(settings: Settings, names: Sequence[str]) -> list[str]:
    """What is unfair about the shares of those who live, once they had time to settle; nothing, where all is well."""
    views, learning = (sum(name.startswith(part) for name in names) for part in (VIEWS, LEARNING))
    wanted = {"views": views, "relay": views, **({"learning": learning} if learning else {})}
    until = time.monotonic() + FAIR
    while wrong := unfair(shares(settings), wanted):
        if time.monotonic() > until:
            return wrong
        time.sleep(0.2)
    return []


def unfair(shares: Mapping[str, Mapping[UUID, int]], wanted: Mapping[str, int]) -> list[str]:
    """`wanted` is how many workers there are for each job."""
    found = []
    for job, workers in wanted.items():
        counts = sorted(shares.get(job, {}).values())
        if len(counts) != workers or counts[-1] - counts[0] > 1:
            found.append(f"{job} is shared {counts} among {workers}")
    return found


def _without(all_of_it: Manned, tenants: Sequence[UUID], names: Sequence[str], limit: float) -> tuple[list[str], float]:
    """Kill these; what is still not done after `limit` seconds, and how long the rest took. Then start them again."""
    all_of_it.crew.kill(*names)
    began = time.monotonic()
    time.sleep(0.5)
    # Something is written meanwhile that only others can work off.
    goals = {tenant: Place.of(all_of_it.direct, tenant) for tenant in tenants}
    while (late := undone(all_of_it.direct, goals)) and time.monotonic() - began < limit:
        time.sleep(0.1)
    seconds = time.monotonic() - began
    all_of_it.crew.start(*names)
    return late, seconds


class Place(NamedTuple):
    """How far a tenant's log, views, stream and predictions are."""

    head: int
    views: int
    stream: int
    signals: int
    """Prospects with a signal, of which each is predicted."""
    predictions: int

    @classmethod
    def of(cls, settings: Settings, tenant: UUID) -> "Place":
        sql = """
            select (select position from everlog.heads where tenant_id = %(tenant)s),
                (select min(position) from everlog.checkpoints where tenant_id = %(tenant)s),
                count(distinct stream) filter (where type = 'prospects.signal-observed'),
                count(*) filter (where type = 'predictions.made')
            from everlog.events where tenant_id = %(tenant)s"""
        with psycopg.connect(settings.worker) as connection:
            connection.execute("select set_config('app.tenant', %s, false)", [str(tenant)])
            [(head, views, signals, predictions)] = connection.execute(sql, {"tenant": tenant})
        return cls(head or 0, views or 0, asyncio.run(last(settings.nats, tenant)), signals, predictions)


def undone(settings: Settings, goals: Mapping[UUID, Place]) -> list[str]:
    """What is not done yet of what the logs held at these places."""
    found = []
    for tenant, goal in goals.items():
        now = Place.of(settings, tenant)
        if min(now.views, now.stream) < goal.head or now.predictions < goal.signals:
            found.append(f"of {goal} an organisation is only at {now}")
    return found

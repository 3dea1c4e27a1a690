"""A cluster of three NATS servers, each with every message: one is killed, then a second, then they come back."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple, TypeVar
from uuid import UUID

import nats
from msgspec import Struct

from adapters.nats import streams, subjects
from adapters.nats.link import Away
from adapters.nats.streams import Retention
from tests.faults import brokers
from tests.faults.aftermath import aftermath, head, last, late, settled
from tests.faults.brokers import Broker
from tests.faults.callers import Caller, calling
from tests.faults.crew import API, Manned, manned
from tests.faults.onlookers import onlookers
from tests.faults.trial import Found, Trial
from tests.waiting import until

NAMES = (f"{API} 1", "worker views relay 1")
PATIENCE = 180.0

T = TypeVar("T")


class Scale(NamedTuple):
    """Seconds."""

    well: float = 30.0
    """Within which the relay goes on with two servers, and has caught up with three."""
    pause: float = 5.0
    """For which there is one server alone: no majority, so nothing can be published."""
    control: float = 15.0
    """For which the control waits for a stream that a single server kept, and that was killed."""


_FULL = Scale()


class Rig(Struct):
    all_of_it: Manned
    nodes: list[Broker]
    tenant: UUID
    callers: Sequence[Caller]
    found: Found

    @property
    def url(self) -> str:
        return brokers.urls(self.nodes)


def run(trial: Trial) -> Found:
    return endure(trial, trial.cycles)


def endure(trial: Trial, cycles: int, scale: Scale = _FULL) -> Found:
    found, dice = Found(), trial.dice()
    with ExitStack() as stack:
        nodes = stack.enter_context(brokers.clustered(trial.home))
        named = {"EVERLOG_NATS_URL": brokers.urls(nodes), "EVERLOG_STREAM_REPLICAS": "3"}
        all_of_it = stack.enter_context(manned(trial.home, NAMES, **named))
        [organisation] = all_of_it.organisations(1)
        callers = [Caller(organisation, writes=True, signals=False)]
        rig = Rig(all_of_it, nodes, organisation.tenant, callers, found)
        watched = [(organisation.url, organisation.tenant, organisation.key)]
        with onlookers(lambda: all_of_it.direct, watched) as eyes:
            with calling(callers):
                for number in range(1, cycles + 1):
                    _cycle(rig, number, dice, scale)
            began = time.monotonic()
            relayed(rig, PATIENCE)
            found.late = late(settled(all_of_it.direct, rig.tenant, 0, began))
            answered(lambda: eyes.arrive(rig.url))
        found.control_red = kept_by_one_alone(rig, scale.control)
        all_of_it.crew.stop()
        stands = aftermath(all_of_it.direct, rig.tenant)
    found.add(eyes.judge([callers[0].ledger], [stands], whole=False))
    return found


def _cycle(rig: Rig, number: int, dice: random.Random, scale: Scale) -> None:
    relayed(rig, PATIENCE)
    first, second = dice.sample(rig.nodes, 2)
    first.kill()
    two = relayed(rig, PATIENCE)
    second.kill()
    before = len(rig.callers[0].ledger.acknowledged)
    time.sleep(scale.pause)
    appended = len(rig.callers[0].ledger.acknowledged) - before
    for node in (first, second):
        node.start()
    three = relayed(rig, PATIENCE)
    rig.found.notes[f"{number} {first.name}, {second.name}"] = (
        f"relayed by two after {two:.1f} s, {appended} appended with one, whole again after {three:.1f} s"
    )
    if not appended:
        rig.found.violations.append("nothing was appended while there was one server alone")
    for seconds, what in ((two, "with two servers it went on"), (three, "with all servers it was whole")):
        if seconds > scale.well:
            rig.found.violations.append(f"{what} only after {seconds:.1f} s")


def relayed(rig: Rig, patience: float) -> float:
    """Seconds until JetStream has what the log holds now; `patience` where it does not by then."""
    began = time.monotonic()
    wanted = head(rig.all_of_it.direct, rig.tenant)
    while _there(rig) < wanted:
        if time.monotonic() - began > patience:
            return patience
        time.sleep(0.2)
    return time.monotonic() - began


def _there(rig: Rig) -> int:
    try:
        return asyncio.run(last(rig.url, rig.tenant))
    except (nats.errors.Error, OSError, TimeoutError, Away):
        return 0


def answered(ask: Callable[[], T]) -> T:
    """What a cluster answers that has just lost or found servers, and may first have to agree on a leader."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError, Away):
            if time.monotonic() > until:
                raise
        time.sleep(0.5)


def kept_by_one_alone(rig: Rig, patience: float) -> bool:
    """The control: a stream of one replica is gone with its server, and the relay does not go on."""
    answered(lambda: streams.ensure_streams(rig.url, Retention(replicas=1)))
    # The other two let go of it a moment after that was answered, and until then either may become its leader.
    keeper = until(lambda: answered(lambda: asyncio.run(_keeper(rig.url))))
    with calling([Caller(rig.all_of_it.organisations(1)[0], writes=True, signals=False)]) as more:
        next(node for node in rig.nodes if node.name == keeper).kill()
        time.sleep(1)
        stopped = Rig(rig.all_of_it, rig.nodes, more[0].tenant, more, Found())
        return relayed(stopped, patience) >= patience


async def _keeper(url: str) -> str:
    """The server that alone has the stream; nothing while others have it too."""
    client = await streams.reach(url)
    try:
        found = await streams.api(client, f"STREAM.INFO.{subjects.STREAM}")
        cluster = found["cluster"]
        return "" if cluster.get("replicas") else str(cluster.get("leader", ""))
    finally:
        await client.close()

"""The relay stands still for longer than NATS remembers message ids, or is killed; JetStream's store is wiped."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple
from uuid import UUID

import nats
from msgspec import Struct

from adapters.nats.link import Away
from tests.faults import brokers
from tests.faults.aftermath import aftermath, head, last
from tests.faults.brokers import Broker
from tests.faults.callers import Caller, calling
from tests.faults.consumer import Consumer
from tests.faults.crew import API, Manned, manned
from tests.faults.onlookers import onlookers
from tests.faults.trial import Found, Trial

RELAY, VIEWS = "worker relay 1", "worker views 1"
HARMS = ("stopped", "wiped", "killed")
WELL = 30.0
"""Seconds within which JetStream has the whole log again, and the consumer too."""


class Scale(NamedTuple):
    """Seconds."""

    window: float = 2.0
    """For which NATS remembers message ids."""
    well: float = WELL


_FULL = Scale()


class Rig(Struct):
    all_of_it: Manned
    broker: Broker
    tenant: UUID
    consumer: Consumer
    window: float


def run(trial: Trial) -> Found:
    return endure(trial, [HARMS[number % len(HARMS)] for number in range(trial.cycles)])


def endure(trial: Trial, harms: Sequence[str], scale: Scale = _FULL) -> Found:
    found = Found()
    with ExitStack() as stack:
        broker = stack.enter_context(brokers.alone(trial.home))
        named = {"EVERLOG_NATS_URL": broker.url, "EVERLOG_STREAM_DUPLICATES_SECONDS": str(scale.window)}
        all_of_it = stack.enter_context(manned(trial.home, [f"{API} 1", VIEWS, RELAY], **named))
        [organisation] = all_of_it.organisations(1)
        consumer = Consumer(broker.url, organisation.tenant)
        consumer.start()
        stack.callback(consumer.stop)
        rig = Rig(all_of_it, broker, organisation.tenant, consumer, scale.window)
        callers = [Caller(organisation, writes=True, signals=False)]
        watched = [(organisation.url, organisation.tenant, organisation.key)]
        with onlookers(lambda: all_of_it.direct, watched) as eyes:
            with calling(callers):
                for number, harm in enumerate(harms, 1):
                    until_whole(rig, 120)
                    _do(rig, harm)
                    seconds = until_whole(rig, 120)
                    found.notes[f"{number} {harm}"] = f"whole again after {seconds:.1f} s"
                    if seconds > scale.well:
                        found.violations.append(f"{harm}: JetStream was whole only after {seconds:.1f} s")
            until_whole(rig, 120)
            eyes.arrive(broker.url)
        all_of_it.crew.stop()
        stands = aftermath(all_of_it.direct, rig.tenant)
    found.add(eyes.judge([callers[0].ledger], [stands], whole=False))
    found.violations += applied_otherwise(consumer.applied, stands.digests)
    # The control: a consumer that keeps no mark has applied events again, and this account sees it.
    found.control_red = bool(applied_otherwise(consumer.received, stands.digests))
    return found


def _do(rig: Rig, harm: str) -> None:
    crew = rig.all_of_it.crew
    match harm:
        case "stopped":
            os.kill(crew.pid(RELAY), signal.SIGSTOP)
            time.sleep(rig.window * 2)
            os.kill(crew.pid(RELAY), signal.SIGCONT)
        case "killed":
            crew.kill(RELAY)
            time.sleep(rig.window * 2)
            crew.start(RELAY)
        case "wiped":
            rig.broker.kill()
            rig.broker.wipe()
            rig.broker.start()


def until_whole(rig: Rig, patience: float) -> float:
    """Seconds until JetStream and the consumer have what the log holds now."""
    began = time.monotonic()
    wanted = head(rig.all_of_it.direct, rig.tenant)
    while True:
        try:
            there = asyncio.run(last(rig.broker.url, rig.tenant))
        except (nats.errors.Error, OSError, Away):
            there = 0
        taken = rig.consumer.applied[-1][0] if rig.consumer.applied else 0
        if min(there, taken) >= wanted:
            return time.monotonic() - began
        assert time.monotonic() - began < patience, f"of {wanted}: JetStream {there}, the consumer {taken}"
        time.sleep(0.1)


def applied_otherwise(applied: Sequence[tuple[int, str]], log: Sequence[tuple[int, str]]) -> list[str]:
    """How what was applied differs from the log; nothing, where each event was applied once and in order."""
    found = []
    if len(applied) != len(set(applied)):
        found.append(f"{len(applied) - len(set(applied))} events were applied again")
    if list(applied) != list(log)[: len(applied)]:
        found.append("what was applied is not the log in its order")
    if set(log) - set(applied):
        found.append(f"{len(set(log) - set(applied))} events were not applied")
    return found

"""A full disk under PostgreSQL, under its write-ahead log, or under NATS, while two organisations stream.

Requests are answered with a problem that says so, reads go on where they can, nothing is half done, and once there is
room all of it goes on by itself. A probe of its own asks for both all the while.
"""

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from random import Random
from typing import Any
from uuid import UUID

import httpx2
import nats
import psycopg

from api import settings as configuration
from api.demo.applications import applications, commands
from api.demo.client import Client
from tests.faults import aftermath
from tests.faults.disk.plant import Plant, plant, superuser
from tests.faults.evidence import Ledger
from tests.faults.kills import Feed, organisation, watched
from tests.faults.onlookers import held
from tests.faults.trial import Found, Trial
from tests.served import end
from tests.waiting import until

LEAST = 300
"""Applications that each client streams at least."""
KINDS = ("tables", "segments", "stream")
"""PostgreSQL's tables cannot grow; its log gets no new segment, so that it dies; JetStream cannot store."""
MOST = 3000
"""Commands of the probe."""
SOON = 30.0
"""Seconds within which all goes on once there is room."""
BEHIND = 300
"""Events by which JetStream is behind where it is stuck."""
NO_ROOM = ("append", 503, "storage.full")
ROUND = 6
"""Cycles on one pair of servers: what the clients have to send comes to an end."""
LONELY = 8.0
"""Seconds for which the control waits for what cannot come."""


class Probe:
    """Asks for one append and one read at a time, and keeps what it was told."""

    def __init__(self, url: str, tenant: UUID, key: str) -> None:
        self.ledger = Ledger()
        self.captures = 0
        self.answers: Counter[tuple[str, int, str]] = Counter()
        """By what was asked, status and code."""
        self.wrong: list[str] = []
        self.client = Client(url, tenant, key)
        self._http = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120)
        self._left: list[dict[str, Any]] = []
        """What was not acknowledged, and what follows on it."""
        self._refused: list[dict[str, Any]] = []
        """What was answered to be not recorded."""
        self._over = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._go, name="probe")
        self._thread.start()

    def stop(self) -> None:
        """Return when all that was asked for is recorded."""
        self._over.set()
        self._thread.join()
        if self._problem:
            raise self._problem
        for bulk, outcomes in self.client.acknowledged(self._left, 1):
            self.ledger.acknowledge(bulk, outcomes)
            if bulk[0] in self._refused and outcomes[0].get("repeated"):
                self.wrong.append(f"recorded, though answered that there is no room: {bulk[0]['key']}")

    def judge(self, after: aftermath.Aftermath) -> Found:
        found = held(self.ledger, after)
        found.violations += [f"answered: {each}" for each in self.wrong]
        return found

    def _go(self) -> None:
        try:
            self._run()
        except BaseException as problem:  # noqa: BLE001 - the thread that asks is told
            self._problem = problem

    def _run(self) -> None:
        for command in islice(commands(self.client.tenant, applications()), MOST):
            if self._over.is_set() and command["command"] == "prospects.capture":
                return
            self.captures += command["command"] == "prospects.capture"
            self.ledger.attempt(command)
            if command["id"] in [each["id"] for each in self._left]:
                self._left.append(command)
                continue
            with suppress(httpx2.TransportError):
                self._note("read", self._http.get("/v1/prospects?limit=1"))
            try:
                self._append(command)
            except httpx2.TransportError:
                self._left.append(command)
            self._over.wait(0.05)

    def _append(self, command: dict[str, Any]) -> None:
        answer = self._http.post("/v1/commands", json={"commands": [command]})
        [result] = answer.json().get("results", [{"problem": answer.json()}])
        self._note("append", answer, result.get("problem"))
        if outcome := result.get("outcome"):
            self.ledger.acknowledge([command], [outcome])
            return
        self._left.append(command)
        if result["problem"]["code"] == NO_ROOM[-1]:
            self._refused.append(command)

    def _note(self, what: str, answer: httpx2.Response, problem: dict[str, Any] | None = None) -> None:
        problem = answer.json() if answer.is_error and problem is None else problem
        status, code = (problem["status"], problem["code"]) if problem else (answer.status_code, "")
        self.answers[what, status, code] += 1
        if problem and (status != httpx2.codes.SERVICE_UNAVAILABLE or "Retry-After" not in answer.headers):
            self.wrong.append(f"{what}: {status} {code}, Retry-After {answer.headers.get('Retry-After')}")


def run(trial: Trial) -> Found:
    found = Found(control_red=True)
    for number in range(0, trial.cycles, ROUND):
        kinds = [KINDS[each % len(KINDS)] for each in range(number, min(number + ROUND, trial.cycles))]
        one, seconds = endure(Trial(trial.home / str(number), len(kinds), trial.seed + number), kinds, LEAST)
        one.violations += [f"{kind}: all went on only after {each:.1f} s" for kind, each in seconds if each > SOON]
        found.add(one)
        found.control_red &= one.control_red
        found.notes |= one.notes
    return found


def endure(trial: Trial, kinds: Sequence[str], least: int) -> tuple[Found, list[tuple[str, float]]]:
    """Fill disks while two organisations stream; what was found, and how long it took to go on once there was room."""
    dice = trial.dice()
    with plant(trial.home / "home") as station:
        product = station.product
        feeds = [Feed(*organisation(product), least=least) for _ in range(2)]
        probe = Probe(*organisation(product))
        with watched(product, feeds) as eyes:
            seconds = [(kind, fill(station, feeds, probe, kind, dice)) for kind in kinds]
            probe.stop()
            alone = unattended(station, feeds)
            for feed in feeds:
                feed.enough()
            since = time.monotonic()
            known = [(feed.client.tenant, feed.captures) for feed in feeds] + [(probe.client.tenant, probe.captures)]
            lag = max(aftermath.settled(product.settings, tenant, captures, since) for tenant, captures in known)
            eyes.arrive(product.settings.nats)
        product.stop()
        settings = configuration.read(product.environment)
        *stands, last = [aftermath.aftermath(settings, tenant) for tenant, _ in known]
    found = eyes.judge([feed.ledger for feed in feeds], stands)
    found.add(probe.judge(last))
    found.late = aftermath.late(lag)
    answers = ", ".join(f"{what} {status} {code}: {count}" for (what, status, code), count in probe.answers.items())
    found.notes |= {"went on after, s": round(max(each for _, each in seconds), 1), "lag 0 after, s": round(lag, 1)}
    found.notes["the probe was answered"] = answers
    found.control_red = alone and not eyes.missed(feeds[0].ledger, stands[0])
    return found, seconds


def fill(station: Plant, feeds: Sequence[Feed], probe: Probe, kind: str, dice: Random) -> float:
    """One disk is full for a while; seconds until all goes on once it has room."""
    for feed in feeds:
        feed.progress()
    disk = station.nats if kind == "stream" else station.postgres
    match kind:
        case "tables":
            refuse(station, probe, dice)
        case "segments":
            crash(station)
        case _:
            stick(station, feeds, dice)
    time.sleep(dice.uniform(0, 2))
    heads = [feed.ledger.acknowledged[-1][0] for feed in feeds]
    disk.fill(None)
    began = time.monotonic()
    for feed in feeds:
        feed.progress()
    until(lambda: all(carried >= head for carried, head in zip(relayed(station, feeds), heads, strict=True)), 120)
    return time.monotonic() - began


def refuse(station: Plant, probe: Probe, dice: Random) -> None:
    """Return when an append was refused for want of room."""
    before = probe.answers[NO_ROOM]
    station.postgres.fill(dice.randrange(100_000))
    until(lambda: probe.answers[NO_ROOM] > before, 120)


def crash(station: Plant) -> None:
    """Return when PostgreSQL has died of a full disk: it gives up where it cannot write its log."""
    before = station.product.children()["postgres"]
    station.postgres.fill(0)
    with suppress(psycopg.Error), psycopg.connect(superuser(station.product.home), autocommit=True) as connection:
        for _ in range(10):
            connection.execute("select pg_logical_emit_message(false, 'fault', ''), pg_switch_wal()")
    until(lambda: station.product.children().get("postgres") != before, 120)


def stick(station: Plant, feeds: Sequence[Feed], dice: Random) -> None:
    """Return when JetStream is stuck while appends go on."""
    station.nats.fill(dice.randrange(20_000))
    until(
        lambda: all(
            feed.ledger.acknowledged[-1][0] - carried > BEHIND
            for feed, carried in zip(feeds, relayed(station, feeds), strict=True)
        ),
        120,
    )


def relayed(station: Plant, feeds: Sequence[Feed]) -> list[int]:
    """The last position that JetStream holds of each one's log; 0 where it does not tell."""
    found = []
    for feed in feeds:
        try:
            found.append(asyncio.run(aftermath.last(station.product.settings.nats, feed.client.tenant)))
        except (nats.errors.Error, OSError):
            found.append(0)
    return found


def unattended(station: Plant, feeds: Sequence[Feed]) -> bool:
    """The control: the same with nobody who starts the dead server again. Whether it stays away, as it should."""
    crash(station)
    supervisor = station.product.pid
    os.kill(supervisor, signal.SIGSTOP)
    # Only now: until it is stopped the supervisor starts another one every other moment. One that it has just begun is
    # not known for what it is at once.
    for _ in range(20):
        if dead := station.product.children().get("postgres"):
            end(dead)
        time.sleep(0.05)
    station.postgres.fill(None)
    try:
        feeds[0].progress(LONELY)
    except AssertionError:
        return True
    finally:
        os.kill(supervisor, signal.SIGCONT)
    return False

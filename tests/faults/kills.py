"""Kill -9 of every part, at random moments, while two organisations stream and two clients follow."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from api import settings as configuration
from api.demo.applications import applications, commands
from api.demo.client import Client
from tests.adapters.supervising import alive, gone
from tests.faults.aftermath import aftermath, late, settled, unproven
from tests.faults.control import planted, unsealed
from tests.faults.evidence import Ledger
from tests.faults.onlookers import Onlookers, onlookers
from tests.faults.trial import Found, Trial
from tests.served import READY, Served, answered, end, served
from tests.waiting import until

BULK = 45
"""Commands a request: fifteen applications."""
ALL = ("api", "views", "postgres", "learning", "nats", "backend", "serve", "seal")
PATIENCE = 600.0
"""Seconds for which a client repeats what failed: the API may be killed many times in a row."""
LEAST = 300
"""Applications that each client streams at least."""
ROUNDS = 20
"""How often the demo's applications come, each time as other prospects, so that no fault outlasts them."""
PARTS = {"views": "worker views relay", "learning": "worker learning", "seal": "worker seal check deliver"}


class Feed:
    """A client that streams applications until it is told that enough is enough, and keeps account of it.

    It sends `bulk` commands a request, and waits `pause` seconds after each.
    """

    def __init__(self, url: str, tenant: UUID, key: str, *, least: int, bulk: int = BULK, pause: float = 0.0) -> None:
        self.client = Client(url, tenant, key, PATIENCE)
        self.ledger = Ledger()
        self.captures = 0
        self.acknowledged = threading.Semaphore(0)
        self._enough = threading.Event()
        self._least = least
        self._bulk = bulk
        self._pause = pause
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    def enough(self) -> None:
        """Return when the last command sent is acknowledged."""
        self._enough.set()
        self._thread.join()
        if self._problem:
            raise self._problem

    def abandon(self) -> None:
        """Let it end whenever it does: nobody looks at its account any more."""
        self._least = 0
        self._enough.set()

    def progress(self, seconds: float = 90) -> None:
        """Wait for the next acknowledgement."""
        while self.acknowledged.acquire(blocking=False):
            pass
        if self._thread.is_alive():
            assert self.acknowledged.acquire(timeout=seconds) or not self._thread.is_alive()

    def _run(self) -> None:
        try:
            for bulk, outcomes in self.client.acknowledged(self._commands(), self._bulk):
                self.ledger.acknowledge(bulk, outcomes)
                self.acknowledged.release()
                self._enough.wait(self._pause)
        except BaseException as problem:  # noqa: BLE001 - the thread that asks is told
            self._problem = problem
            self.acknowledged.release()

    def _commands(self) -> Any:
        for command in commands(self.client.tenant, applications() * ROUNDS):
            captures = command["command"] == "prospects.capture"
            if captures and self._enough.is_set() and self.captures >= self._least:
                return
            self.captures += captures
            yield self.ledger.attempt(command)


def kill(product: Served, target: str, dice: random.Random) -> int:
    """Kill -9 the API, the worker of views and relay, that of learning, that of seals, a server, a backend, or serve.

    Answers with the process that was hit, once it has gone. One that is down just now is waited for.
    """
    if target == "serve":
        hit = product.pid
        product.kill()
        product.start()
        return hit
    struck: int = until(lambda: strike(product, target, dice), READY)
    assert gone([struck], READY)
    return struck


def strike(product: Served, target: str, dice: random.Random) -> int:
    """Kill it if it stands: the process that was hit, 0 where there is none just now."""
    if target == "backend":
        found = product.backends()
    else:
        found = [pid for name, pid in product.children().items() if name == PARTS.get(target, target)]
    standing = alive(found)
    hit = dice.choice(standing) if standing else 0
    return hit if hit and end(hit) else 0


def spree(product: Served, feeds: Sequence[Feed], targets: Sequence[str], dice: random.Random) -> list[tuple[str, str]]:
    """Kill all targets, in a random order at random moments; what was hit, with the seconds waited before."""
    order = dice.sample(targets, len(targets))
    killed = []
    for target in order:
        # Mostly the product is back at work by then, now and then it is still on its feet only half.
        if dice.random() < 0.8:
            for feed in feeds:
                feed.progress()
        pause = dice.uniform(0, 1.5)
        time.sleep(pause)
        hit = kill(product, target, dice)
        killed.append((target, f"{hit} after {pause:.2f} s"))
    return killed


def organisation(product: Served) -> tuple[str, UUID, str]:
    """A new one: where it is served, its tenant, the key of its admin."""
    made = answered(["tenants", "create", "Acme"], product.environment)
    return product.url, UUID(made["tenant"]), made["key"]


def run(trial: Trial) -> Found:
    return endure(trial, [ALL[number % len(ALL)] for number in range(trial.cycles)], LEAST)


def endure(trial: Trial, targets: Sequence[str], least: int) -> Found:
    """Kill these while two organisations stream, and judge what stands afterwards."""
    with served(trial.home / "home") as product:
        feeds = [Feed(*organisation(product), least=least) for _ in range(2)]
        tenants = [feed.client.tenant for feed in feeds]
        with watched(product, feeds) as eyes:
            killed = spree(product, feeds, targets, trial.dice())
            for feed in feeds:
                feed.enough()
            since = time.monotonic()
            lags = [settled(product.settings, each.client.tenant, each.captures, since, sealed=True) for each in feeds]
            eyes.arrive(product.settings.nats)
            unsound = [each for tenant in tenants for each in unproven(product.settings, tenant)]
        product.stop()
        settings = configuration.read(product.environment)
        stands = [aftermath(settings, tenant) for tenant in tenants]
        found = eyes.judge([feed.ledger for feed in feeds], stands)
        missed = eyes.missed(feeds[0].ledger, stands[0])
        found.control_red = not missed and planted(settings, tenants[0]) and unsealed(settings, tenants[1])
    found.late = late(max(lags))
    found.violations += unsound
    found.notes |= {
        "killed": "; ".join(f"{target} {how}" for target, how in killed),
        "kills by target": ", ".join(f"{many} {what}" for what, many in Counter(what for what, _ in killed).items()),
        "all was well again after, s": round(max(lags), 1),
        "overlooked by the control": ", ".join(missed),
    }
    return found


def watched(product: Served, feeds: Sequence[Feed]) -> AbstractContextManager[Onlookers]:
    """Onlookers of the organisations of these clients."""
    return onlookers(lambda: product.settings, [(product.url, each.client.tenant, each.client.key) for each in feeds])

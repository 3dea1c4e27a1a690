"""Kills at seeded random moments while a client streams."""

import random
import threading
import time
from typing import Any
from uuid import UUID

from api.demo.applications import applications, commands
from api.demo.client import Client
from tests.faults.evidence import Ledger
from tests.served import Served, end

BULK = 45
"""Commands a request: fifteen applications."""
PARTS = {"views": "worker views relay", "learning": "worker learning"}


class Feed:
    """A client that streams applications until it is told that enough is enough, and keeps account of it."""

    def __init__(self, url: str, tenant: UUID, key: str, *, least: int) -> None:
        self.client = Client(url, tenant, key)
        self.ledger = Ledger()
        self.captures = 0
        self.acknowledged = threading.Semaphore(0)
        self._enough = threading.Event()
        self._least = least
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="feed")
        self._thread.start()

    def enough(self) -> None:
        """Return when the last command sent is acknowledged."""
        self._enough.set()
        self._thread.join()
        if self._problem:
            raise self._problem

    def progress(self, seconds: float = 90) -> None:
        """Wait for the next acknowledgement."""
        while self.acknowledged.acquire(blocking=False):
            pass
        if self._thread.is_alive():
            assert self.acknowledged.acquire(timeout=seconds) or not self._thread.is_alive()

    def _run(self) -> None:
        try:
            for bulk, outcomes in self.client.acknowledged(self._commands(), BULK):
                self.ledger.acknowledge(bulk, outcomes)
                self.acknowledged.release()
        except BaseException as problem:  # noqa: BLE001 - the thread that asks is told
            self._problem = problem
            self.acknowledged.release()

    def _commands(self) -> Any:
        for command in commands(self.client.tenant, applications()):
            captures = command["command"] == "prospects.capture"
            if captures and self._enough.is_set() and self.captures >= self._least:
                return
            self.captures += captures
            yield self.ledger.attempt(command)


def kill(product: Served, target: str, dice: random.Random) -> None:
    """Kill -9 the API, a worker (views, learning), postgres, nats, one backend of the database, or serve itself."""
    if target == "serve":
        product.kill()
        product.start()
    elif target == "backend":
        if found := product.backends():
            end(dice.choice(found))
    elif pid := product.children().get(PARTS.get(target, target)):
        end(pid)


def spree(product: Served, feeds: list[Feed], targets: list[str], seed: int) -> list[str]:
    """Kill all targets, in a random order at random moments; what was killed, with the seconds waited before."""
    dice = random.Random(seed)
    order = dice.sample(targets, len(targets))
    killed = []
    for target in order:
        # Mostly the product is back at work by then, now and then it is still on its feet only half.
        if dice.random() < 0.8:
            for feed in feeds:
                feed.progress()
        pause = dice.uniform(0, 1.5)
        time.sleep(pause)
        kill(product, target, dice)
        killed.append(f"{target} after {pause:.2f} s")
    return killed

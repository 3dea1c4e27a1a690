"""A client that follows the live stream through every fault, and goes on from where it was."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import httpx2

from domain.access import READS, ROLES
from domain.kernel import Recorded

PATH = "/v1/events/stream"
Place = tuple[int, int]
"""Generation and position."""


class Subscriber:
    """What has arrived, in the order in which it came."""

    def __init__(self, url: str, key: str) -> None:
        self.arrived: list[Place] = []
        self.streams = 0
        """How often it had to be asked for."""
        self._at = "1:0"
        """From the first fact on; it would begin with the next one otherwise."""
        self._http = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)
        self._thread.start()

    def reach(self, position: int, seconds: float = 30) -> bool:
        """Wait until it has come so far; whether it did."""
        until = time.monotonic() + seconds
        while self.place() < position and time.monotonic() < until:
            time.sleep(0.05)
        return self.place() >= position

    def place(self) -> int:
        return int(self._at.partition(":")[2])

    def stop(self) -> None:
        # The thread waits for the server's next sign of life, which nobody has to wait for in turn.
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(httpx2.HTTPError):
                for place, fact in self._messages():
                    self._at = place
                    generation, _, position = place.partition(":")
                    if fact:
                        self.arrived.append((int(generation), int(position)))
                    if self._stop.is_set():
                        return
            self._stop.wait(0.2)

    def _messages(self) -> Iterator[tuple[str, bool]]:
        """Places, and whether a fact came with each."""
        with self._http.stream("GET", PATH, headers={"Last-Event-ID": self._at}) as response:
            self.streams += response.is_success
            id, data = "", False
            for line in response.iter_lines() if response.is_success else ():
                name, _, value = line.partition(": ")
                id, data = (value if name == "id" else id), data or name == "data"
                if not line:
                    if id:
                        yield id, data
                    id, data = "", False


@contextmanager
def subscribed(url: str, key: str) -> Iterator[Subscriber]:
    subscriber = Subscriber(url, key)
    try:
        yield subscriber
    finally:
        subscriber.stop()


def passed_over(arrived: Sequence[Place], log: Sequence[Recorded]) -> list[int]:
    """The positions of the log that never came, of those that an admin may follow."""
    there = {position for _, position in arrived}
    followed = {capability for capability, needed in READS.items() if needed in ROLES["Admin"]}
    return [each.position for each in log if each.capability in followed and each.position not in there]


def misled(arrived: Sequence[Place], log: Sequence[Recorded]) -> list[str]:
    """What is wrong with what a subscriber got, given the log; nothing, where all is well."""
    wrong = []
    if list(arrived) != sorted(set(arrived)):
        wrong.append("a subscriber got facts twice, or out of order")
    if missing := passed_over(arrived, log):
        wrong.append(f"a subscriber never got {len(missing)} facts, the first at {missing[0]}")
    return wrong

"""Callers of one organisation: what each was answered, and after how long. But for one kind they repeat no request."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from typing import Any
from uuid import UUID, uuid4

import httpx2
from msgspec import Struct

from tests.faults.evidence import Ledger

LATER = 20
"""Requests after which one is repeated that was done."""
PATIENCE = 60.0
"""Seconds after which a caller gives up; whoever is told nothing for so long was told too late."""


class Organisation(Struct, frozen=True):
    url: str
    tenant: UUID
    key: str


class Answer(Struct, frozen=True):
    began: float
    """By the monotonic clock."""
    seconds: float
    writes: bool
    status: int
    """0 where the connection failed."""
    code: str = ""
    """Of a problem."""
    media: str = ""
    retry: str = ""
    """What `Retry-After` says."""

    @property
    def ended(self) -> float:
        return self.began + self.seconds

    @property
    def done(self) -> bool:
        return self.status in (200, 201)


class Caller:
    """A thread that writes about prospects, or lists them, one request after another with a `pause` in seconds.

    Without `signals` it only captures, and nothing is predicted. Each of its writes has an idempotency key.
    """

    def __init__(self, of: Organisation, *, writes: bool, pause: float = 0.05, signals: bool = True) -> None:
        self.tenant = of.tenant
        self.answers: list[Answer] = []
        self.ledger = Ledger()
        self._writes = writes
        self._signals = signals
        self._captured = ""
        self._pause = pause
        self._stop = threading.Event()
        headers = {"Authorization": f"Bearer {of.key}"}
        self._http = httpx2.Client(base_url=of.url, headers=headers, timeout=PATIENCE)
        self._thread = threading.Thread(target=self._run, name="caller")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._http.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.answers.append(self._write() if self._writes else self._list())
            self._stop.wait(self._pause)

    def _write(self) -> Answer:
        """A prospect, and once that is acknowledged a signal about it, from which it is predicted."""
        captures = not self._captured
        id, self._captured = self._captured or str(uuid4()), ""
        what, path = ("capture", "/v1/prospects") if captures else ("observe", f"/v1/prospects/{id}/signals")
        content: dict[str, Any] = {"kind": "visit", "strength": 0.5}
        if captures:
            content = {"id": id, "name": "Ada Lovelace", "email": f"{id}@example.org", "industry": "engines"}
        asked = self.ledger.attempt({"command": f"prospects.{what}", "id": id, "key": str(uuid4())})
        answer, told = self._send(path, content, asked["key"])
        if answer.done:
            self.ledger.acknowledge([asked], [told])
            self._captured = id if self._signals and captures else ""
        return answer

    def _send(self, path: str, content: dict[str, Any], key: str) -> tuple[Answer, dict[str, Any]]:
        return self._ask("POST", path, json=content, headers={"Idempotency-Key": key})

    def _list(self) -> Answer:
        return self._ask("GET", "/v1/prospects?limit=10")[0]

    def _ask(self, method: str, path: str, **named: Any) -> tuple[Answer, dict[str, Any]]:
        began = time.monotonic()
        try:
            found = self._http.request(method, path, **named)
        except httpx2.TransportError as problem:
            return Answer(began, time.monotonic() - began, self._writes, 0, type(problem).__name__), {}
        seconds = time.monotonic() - began
        told = found.json() if found.content else {}
        answer = Answer(
            began,
            seconds,
            self._writes,
            found.status_code,
            told.get("code", ""),
            found.headers.get("Content-Type", "").partition(";")[0],
            found.headers.get("Retry-After", ""),
        )
        return answer, told


class Everywhere(Caller):
    """It writes through several API processes in turn, and sends each request again under the same key.

    What was not done is sent to the next one until it is; what was done, once more when `LATER` others have been done,
    so that the process that did it may have died since. `forgetful`: each time under another key.
    """

    def __init__(self, of: Organisation, urls: Sequence[str], *, forgetful: bool = False, **named: Any) -> None:
        super().__init__(of, writes=True, **named)
        self.wrong: list[str] = []
        self.again = 0
        """How many requests were sent again because nobody had answered, and turned out to be done."""
        self._urls = cycle(urls)
        self._forgetful = forgetful
        self._done: deque[tuple[str, dict[str, Any], str, int]] = deque()
        self._turn()

    def _run(self) -> None:
        super()._run()
        while self._done:
            self._repeat(*self._done.popleft())

    def _send(self, path: str, content: dict[str, Any], key: str) -> tuple[Answer, dict[str, Any]]:
        if len(self._done) > LATER:
            self._repeat(*self._done.popleft())
        answer, told = self._until_done(path, content, key)
        if answer.done:
            self._done.append((path, content, key, told["position"]))
        return answer, told

    def _repeat(self, path: str, content: dict[str, Any], key: str, position: int) -> None:
        answer, told = self._until_done(path, content, self._key(key))
        if not answer.done or (told["position"], told["repeated"]) != (position, True):
            self.wrong.append(f"done at {position}, and when it was repeated {answer.status} {told}")

    def _until_done(self, path: str, content: dict[str, Any], key: str) -> tuple[Answer, dict[str, Any]]:
        until = time.monotonic() + PATIENCE
        self._turn()
        answer, told = super()._send(path, content, key)
        while not answer.done and time.monotonic() < until:
            self._turn()
            self._stop.wait(self._pause)
            answer, told = super()._send(path, content, self._key(key))
            self.again += told.get("repeated", False)
        return answer, told

    def _key(self, key: str) -> str:
        return str(uuid4()) if self._forgetful else key

    def _turn(self) -> None:
        """What is sent next goes to the next process."""
        self._http.base_url = next(self._urls)


@contextmanager
def calling(callers: Sequence[Caller]) -> Iterator[Sequence[Caller]]:
    with ExitStack() as stack:
        for caller in callers:
            caller.start()
            stack.callback(caller.stop)
        yield callers


def together(callers: Sequence[Caller]) -> Ledger:
    """The accounts of all of them as one."""
    whole = Ledger()
    for caller in callers:
        whole.take(caller.ledger)
    return whole

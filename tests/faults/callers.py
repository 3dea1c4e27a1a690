"""Callers of one organisation that never repeat a request: what each was answered, and after how long."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx2
from msgspec import Struct

from tests.faults.evidence import Ledger

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

    Without `signals` it only captures, and nothing is predicted.
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
        if self._captured:
            id, self._captured = self._captured, ""
            asked, path = {"command": "prospects.observe", "id": id}, f"/v1/prospects/{id}/signals"
            content: dict[str, Any] = {"kind": "visit", "strength": 0.5}
        else:
            id, path = str(uuid4()), "/v1/prospects"
            asked = {"command": "prospects.capture", "id": id}
            content = {"id": id, "name": "Ada Lovelace", "email": f"{id}@example.org", "industry": "engines"}
        self.ledger.attempt(asked)
        answer, position = self._ask("POST", path, json=content)
        if answer.done:
            self.ledger.acknowledge([asked], [{"position": position}])
            self._captured = id if self._signals and path == "/v1/prospects" else ""
        return answer

    def _list(self) -> Answer:
        return self._ask("GET", "/v1/prospects?limit=10")[0]

    def _ask(self, method: str, path: str, **named: Any) -> tuple[Answer, int]:
        began = time.monotonic()
        try:
            found = self._http.request(method, path, **named)
        except httpx2.TransportError as problem:
            return Answer(began, time.monotonic() - began, self._writes, 0, type(problem).__name__), 0
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
        return answer, told.get("position", 0)


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
        whole.attempted += caller.ledger.attempted
        whole.acknowledged += caller.ledger.acknowledged
    return whole

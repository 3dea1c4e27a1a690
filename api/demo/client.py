"""A client app of the HTTP API, as the demo needs one: it repeats what failed, and every command is idempotent."""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from uuid import UUID

import httpx2

BULK = 300
"""Commands a request: a hundred applications."""
PATIENCE = 120.0
"""Seconds for which a request is repeated before it is given up."""
PASSING = frozenset({429, 502, 503, 504})


class Failed(Exception):
    """The product answered what the demo cannot go on with."""


class Client:
    """One organisation's key. Positions are `<generation>:<position>` as the API writes them."""

    passing = PASSING
    """The statuses after which a request is repeated."""

    def __init__(self, url: str, tenant: UUID, key: str, patience: float = PATIENCE) -> None:
        self.tenant = tenant
        self.key = key
        self.position = ""
        self._patience = patience
        self._http = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)

    def get(self, path: str, **parameters: Any) -> Any:
        """Read, at least as of the last command's position."""
        return self.ask("GET", path, params=parameters, headers=self._at_least()).json()

    def missing(self, path: str) -> bool:
        return self.ask("GET", path).status_code == httpx2.codes.NOT_FOUND

    def send(self, commands: Iterable[dict[str, Any]]) -> Iterator[int]:
        """Send commands in bulk and in order; yields how many were done each time. Raises `Failed`."""
        for _, outcomes in self.acknowledged(commands):
            yield len(outcomes)

    def acknowledged(
        self, commands: Iterable[dict[str, Any]], size: int = BULK
    ) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
        """The same, with the commands of each bulk and what each of them came to."""
        rest = iter(commands)
        while bulk := list(islice(rest, size)):
            yield bulk, self._done(bulk)

    def _done(self, bulk: list[dict[str, Any]]) -> list[dict[str, Any]]:
        until = time.monotonic() + self._patience
        while True:
            answer = self.ask("POST", "/v1/commands", json={"commands": bulk})
            results = answer.json()["results"]
            wrong = [each["problem"] for each in results if "problem" in each]
            if not wrong:
                self.position = answer.headers["Everlog-Position"]
                return [each["outcome"] for each in results]
            # A refusal may only follow from what met a busy server, so all are sent again; what is done stays done.
            if time.monotonic() > until or not any(self._passes(each) for each in wrong):
                raise Failed(f"{len(wrong)} commands were refused, the first with {wrong[0]['code']}.")
            time.sleep(0.2)

    def ask(self, method: str, path: str, **named: Any) -> httpx2.Response:
        """One request, repeated while the server is away or busy."""
        until = time.monotonic() + self._patience
        while True:
            try:
                answer = self._http.request(method, path, **named)
            except httpx2.TransportError as problem:
                why = type(problem).__name__
            else:
                if answer.status_code not in self.passing:
                    return _fine(answer)
                why = str(answer.status_code)
            if time.monotonic() > until:
                raise Failed(f"{method} {path} failed for {self._patience:.0f} s ({why}).")
            time.sleep(0.2)

    def _passes(self, problem: dict[str, Any]) -> bool:
        return problem["status"] in self.passing or problem["code"] == "contended"

    def _at_least(self) -> dict[str, str]:
        return {"Everlog-Min-Position": self.position} if self.position else {}


def _fine(answer: httpx2.Response) -> httpx2.Response:
    if answer.is_error and answer.status_code != httpx2.codes.NOT_FOUND:
        raise Failed(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
    return answer

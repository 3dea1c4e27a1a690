"""How much a process takes on at once: what is beyond it is turned away before it costs anything.

Whoever is turned away at once can ask elsewhere, or again; whoever waits behind thousands of others asks for nothing,
since nobody is there any more when the answer comes.
"""

from collections import Counter
from typing import Any
from uuid import uuid4

from api import problems
from api.problems import Problem

ROOM = 256
"""Requests that a process works on."""
_FREE = ("/healthz", "/readyz", "/metrics", "/v1/events/")
"""What operators ask, and the live streams, which have limits of their own and last."""


class Gate:
    """An ASGI application before another. Where it is getting full each key has its fair share, so none fills it."""

    def __init__(self, application: Any, room: int = ROOM) -> None:
        self._application = application
        self._room = room
        self._within = 0
        self._keys: Counter[bytes] = Counter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_FREE):
            await self._application(scope, receive, send)
            return
        key = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if self._full(key):
            await _turn_away(send)
            return
        self._within += 1
        self._keys[key] += 1
        try:
            await self._application(scope, receive, send)
        finally:
            self._within -= 1
            self._keys[key] -= 1
            if not self._keys[key]:
                del self._keys[key]

    def _full(self, key: bytes) -> bool:
        if self._within >= self._room:
            return True
        # As if there were one key more: there is room for whoever comes next.
        keys = len(self._keys) + (key not in self._keys) + 1
        return self._within >= self._room / 2 and self._keys.get(key, 0) >= self._room / keys


async def _turn_away(send: Any) -> None:
    problem = Problem("service.overloaded")
    body = problems.encode(problem.told(uuid4()))
    headers = [
        (b"content-type", problems.MEDIA.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", str(problem.retry).encode()),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""A request as the server hands it over (ASGI), and its answer: nothing is taken apart before it is asked for."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from api.problems import Problem

Headers = list[tuple[str, str]]
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
]
PRIVATE = (b"cache-control", b"private, no-cache")
_CACHED = b"cache-control"
_BODILESS = (204, 304)
Put = Callable[[bytes], Awaitable[None]]
"""Sends a part and waits until there is room for the next. Raises `Gone`."""
Stream = Callable[[Put], Awaitable[None]]
PATIENCE = 60.0
"""Seconds that whoever asked may take for one part."""


class Inbound:
    """One request, or a WebSocket's handshake. `path` holds what stands in the places of the route's path."""

    __slots__ = ("_headers", "_receive", "count", "path", "query", "scope")

    def __init__(self, scope: Any, receive: Any = None, path: dict[str, Any] | None = None) -> None:
        self.scope: Scope = scope
        self.path = path or {}
        self.query: bytes = scope["query_string"]
        self._receive: Receive = receive
        headers = list(scope["headers"])
        self.count = len(headers)
        # Of a header that comes twice the first counts.
        self._headers: dict[bytes, bytes] = dict(reversed(headers))

    def header(self, name: bytes) -> str | None:
        """By its name in lower case."""
        found = self._headers.get(name)
        return None if found is None else found.decode("latin-1")

    @property
    def address(self) -> str:
        """The peer's; empty where the server does not know it."""
        client = self.scope.get("client")
        return client[0] if client else ""

    async def body(self, limit: int) -> bytes:
        """Raises `Problem` for one that is longer, as soon as that is known."""
        length = self._headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > limit:
            raise Problem("request.too-large")
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Problem("request.malformed", "The connection was closed before the body was whole.")
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise Problem("request.too-large")
            parts.append(part)
            more = message.get("more_body", False)
        return b"".join(parts)


class Gone(Exception):
    """Whoever asked is not there any more."""


class Reply(NamedTuple):
    body: bytes
    status: int = 200
    headers: Headers = []  # noqa: RUF012 - a tuple's default, and nobody appends to it
    media: str = "application/json"
    stream: Stream | None = None
    """What is sent instead of `body`, part by part. Where it raises, the answer is cut off, so that this is noticed."""


class Answer:
    """A reply as an ASGI application; every answer goes out with the same headers for the caller's safety."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        reply = self._reply
        if reply.stream:
            await _streamed(reply, reply.stream, scope, receive, send)
            return
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        if reply.status not in _BODILESS:
            headers.append((b"content-type", _media(reply.media)))
            headers.append((b"content-length", b"%d" % len(reply.body)))
        await send({"type": "http.response.start", "status": reply.status, "headers": secured(headers)})
        body = b"" if scope["method"] == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": body, "more_body": False})


async def _streamed(reply: Reply, stream: Stream, scope: Any, receive: Any, send: Any) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    headers.append((b"content-type", _media(reply.media)))
    await send({"type": "http.response.start", "status": reply.status, "headers": secured(headers)})
    gone = asyncio.create_task(_hung_up(receive))

    async def put(body: bytes) -> None:
        if gone.done() or scope["method"] == "HEAD":
            raise Gone
        try:
            async with asyncio.timeout(PATIENCE):
                await send({"type": "http.response.body", "body": body, "more_body": True})
        except (TimeoutError, OSError, RuntimeError) as problem:
            raise Gone from problem

    try:
        await stream(put)
    except Gone:
        # Without its end the answer is cut off: who is only slow must not take a part of it for the whole.
        if scope["method"] != "HEAD":
            return
    finally:
        gone.cancel()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _hung_up(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


def secured(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """These headers and those of every answer, once."""
    if SECURITY[0] in headers:
        return headers
    private = [] if any(name == _CACHED for name, _ in headers) else [PRIVATE]
    return [*headers, *private, *SECURITY]


def _media(media: str) -> bytes:
    return (f"{media}; charset=utf-8" if media.startswith("text/") else media).encode("latin-1")

"""The WebSocket form of the stream: one JSON object a message, told apart by `kind`."""

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect, WebSocketException

from api.stream.feed import Batch, Ended, Feed, Reset, Signal

if TYPE_CHECKING:
    from api.stream.edges import Streams

PROTOCOL = "everlog"
BEARER = "everlog.bearer."
"""Browsers cannot set headers here: they offer the protocols `everlog` and `everlog.bearer.<API key>`."""

REFUSED = 4000
"""Added to the HTTP status of a problem, this is the close code."""
CAUGHT_UP, GOING = 1000, 1001

_encode = msgspec.json.Encoder().encode


def frames(signal: Signal) -> list[bytes]:
    match signal:
        case Batch(cursor=cursor, events=events):
            found = [b'{"kind":"fact",' + _encode(event)[1:] for event in events]
            if not events or events[-1].id != str(cursor):
                found.append(_encode({"kind": "position", "id": str(cursor)}))
            return found
        case Reset(cursor=cursor):
            return [_encode({"kind": "reset", "id": str(cursor)})]
        case Ended(code=code):
            return [_encode({"kind": "end", "code": code})]


async def serve(streams: "Streams", socket: WebSocket[Any, Any, Any]) -> None:
    offered = _offered(socket)
    id = uuid4()
    with suppress(WebSocketDisconnect, WebSocketException, TimeoutError, OSError):
        await socket.accept(subprotocols=PROTOCOL if PROTOCOL in offered else None)
        try:
            caller, asked = await streams.admit(socket, id, [])
        except Exception as problem:  # noqa: BLE001 - every failure is told as a problem
            told = streams.edge.told(problem, id)
            await socket.send_data(b'{"kind":"refused","problem":' + told.body + b"}", mode="text")
            await socket.close(REFUSED + told.status)
            return
        key = socket.headers.get("Authorization", "").partition(" ")[2]
        async with streams.feed(caller, asked, key) as feed:
            await _both(socket, feed, follow=asked.follow, patience=streams.patience)


async def _both(socket: WebSocket[Any, Any, Any], feed: Feed, *, follow: bool, patience: float) -> None:
    """Send until the client goes; what it says is not listened to."""
    sending = asyncio.create_task(_send(socket, feed, follow=follow, patience=patience))
    listening = asyncio.create_task(_gone(socket))
    try:
        await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, listening):
            task.cancel()
        results = await asyncio.gather(sending, listening, return_exceptions=True)
    if isinstance(code := results[0], int):
        await socket.close(code)


async def _send(socket: WebSocket[Any, Any, Any], feed: Feed, *, follow: bool, patience: float) -> int:
    """Until the feed ends: the code to close with."""
    code = GOING
    async with aclosing(feed.signals(follow=follow)) as signals:
        async for signal in signals:
            for frame in frames(signal):
                async with asyncio.timeout(patience):
                    await socket.send_data(frame, mode="text")
            if isinstance(signal, Ended):
                code = CAUGHT_UP if signal.code == Ended.CAUGHT_UP else REFUSED + 403
    return code


async def _gone(socket: WebSocket[Any, Any, Any]) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        continue


def _offered(socket: WebSocket[Any, Any, Any]) -> list[str]:
    """The protocols that the client offers; a key among them is taken for its `Authorization`."""
    headers = list(socket.scope["headers"])
    given = b",".join(value for name, value in headers if name == b"sec-websocket-protocol").decode("latin-1")
    offered = [each.strip() for each in given.split(",")]
    keys = [each.removeprefix(BEARER) for each in offered if each.startswith(BEARER)]
    if keys and not any(name == b"authorization" for name, _ in headers):
        socket.scope["headers"] = [*headers, (b"authorization", b"Bearer " + keys[0].encode("latin-1"))]
    return offered

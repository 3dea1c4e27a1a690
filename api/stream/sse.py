"""Server-sent events (WHATWG HTML, section 9.2)."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, aclosing, suppress

import msgspec
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

from api.stream.feed import Batch, Ended, Feed, Reset, Signal

RETRY = 1000
"""Milliseconds after which a client connects again."""

_encode = msgspec.json.Encoder().encode


def frame(signal: Signal) -> bytes:
    """A fact is a message with its cursor as id; where facts were left out an id alone moves the client's place."""
    match signal:
        case Batch(cursor=cursor, events=events):
            frames = [b"id: %s\ndata: %s\n\n" % (event.id.encode(), _encode(event)) for event in events]
            if not events or events[-1].id != str(cursor):
                frames.append(b": here\nid: %s\n\n" % str(cursor).encode())
            return b"".join(frames)
        case Reset(cursor=cursor):
            return b"event: reset\nid: %s\ndata: %s\n\n" % (str(cursor).encode(), _encode({"id": str(cursor)}))
        case Ended(code=code):
            return b"event: end\ndata: %s\n\n" % _encode({"code": code})


class Stream(ASGIResponse):
    """Sends what the feed has until the client goes, the feed ends, or nothing is taken for `patience` seconds."""

    _should_set_content_length = False

    def __init__(
        self,
        feed: AbstractAsyncContextManager[Feed],
        *,
        follow: bool,
        patience: float,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(
            # A proxy that collects what passes through would hold the events back.
            headers=[*headers, ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")],
            media_type="text/event-stream",
        )
        self._feed = feed
        self._follow = follow
        self._patience = patience

    async def send_body(self, send: Send, receive: Receive) -> None:
        sending = asyncio.create_task(self._send(send))
        listening = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, listening):
                task.cancel()
            with suppress(TimeoutError, OSError):
                await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        await self._chunk(send, b"retry: %d\n\n" % RETRY)
        async with self._feed as feed, aclosing(feed.signals(follow=self._follow)) as signals:
            async for signal in signals:
                await self._chunk(send, frame(signal))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _chunk(self, send: Send, body: bytes) -> None:
        async with asyncio.timeout(self._patience):
            await send({"type": "http.response.body", "body": body, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue

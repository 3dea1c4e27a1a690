"""One client's connection: request after request, each passed on to the cell it belongs to, both ways as it comes.

HTTP/1.1 is read and written by h11, so a request is understood once and written anew: nothing that two readers could
take apart differently reaches a cell (RFC 9112, section 11.2).
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

import h11

from api import problems
from api.bootstrap.cells import CLIENT, SECRET, Cell
from api.problems import Problem
from api.router.headers import Headers, passing
from api.router.upstream import CHUNK, Broken, Upstream, pour

IDLE: Final = 75.0
"""Seconds that a client may be silent between two requests, and within one."""
GRACE: Final = 1.0
"""Seconds that a client has to end a request that is answered already."""
Where = Callable[[Headers], Awaitable[Cell]]
"""Which cell a request goes to. Raises `Problem`."""


class Exchange:
    """`secret` says to a cell that what comes is from a router."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        where: Where,
        secret: str,
        trust: ssl.SSLContext | None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._where = where
        self._secret = secret.encode()
        self._trust = trust
        self._wire = h11.Connection(h11.SERVER)
        self._open: dict[str, Upstream] = {}

    async def run(self) -> None:
        """Until either side has done."""
        try:
            while await self._one():
                self._wire.start_next_cycle()
        except h11.ProtocolError:
            await self._say(Problem("request.malformed", "That is no HTTP/1.1."))
        except Problem as problem:
            await self._say(problem)
        except (OSError, TimeoutError):
            # Whoever asked has gone, or is silent: there is nobody to tell.
            pass
        finally:
            for upstream in self._open.values():
                upstream.writer.close()
            self._writer.close()

    async def _one(self) -> bool:
        """One request and its answer; whether the connection goes on. Raises `Problem` where nothing was answered."""
        request = await self._event()
        if not isinstance(request, h11.Request):
            return False
        if request.target == b"/healthz":
            await self._tell(200, "application/json", b'{"status":"alive"}')
            return False
        headers: Headers = list(request.headers)
        upstream = await self._reach(await self._where(headers))
        try:
            return await self._passed(request, headers, upstream)
        except Broken as problem:
            self._drop(upstream)
            raise Problem("cells.away") from problem

    async def _reach(self, cell: Cell) -> Upstream:
        if (kept := self._open.get(cell.region)) and not kept.reader.at_eof():
            return kept
        address = urlsplit(cell.url)
        trust = (self._trust or ssl.create_default_context()) if address.scheme == "https" else None
        try:
            async with asyncio.timeout(5):
                found = await asyncio.open_connection(
                    address.hostname, address.port or (443 if trust else 80), ssl=trust
                )
        except (OSError, TimeoutError) as problem:
            raise Problem("cells.away") from problem
        self._open[cell.region] = Upstream(*found)
        return self._open[cell.region]

    async def _passed(self, request: h11.Request, headers: Headers, upstream: Upstream) -> bool:
        switching = any(name == b"upgrade" for name, _ in headers)
        ours = [(SECRET.encode(), self._secret), (CLIENT.encode(), self._address)]
        kept = [*passing(headers, upgrade=switching), *ours]
        await upstream.send(h11.Request(method=request.method, target=request.target, headers=kept))
        asking = asyncio.create_task(self._ask(upstream))
        answering = asyncio.create_task(self._answer(upstream))
        try:
            await asyncio.wait({asking, answering}, return_when="FIRST_COMPLETED")
            if not answering.done():
                # Raises where the client broke off: the cell would wait for the rest for ever.
                await asking
            if await answering:
                await self._splice(upstream)
                return False
            await asyncio.wait({asking}, timeout=GRACE)
        finally:
            asking.cancel()
            answering.cancel()
        if not upstream.again():
            self._drop(upstream)
        return self._wire.our_state is h11.DONE and self._wire.their_state is h11.DONE

    async def _ask(self, upstream: Upstream) -> None:
        """Pass on the request's body. A cell that has answered already need not take the rest."""
        while isinstance(event := await self._event(), h11.Data | h11.EndOfMessage):
            try:
                await upstream.send(event)
            except Broken:
                return
            if isinstance(event, h11.EndOfMessage):
                return

    async def _answer(self, upstream: Upstream) -> bool:
        """Pass on the answer, as much at a time as has come; whether the connection is no longer HTTP after it."""
        out: list[bytes] = []
        while True:
            event = upstream.event()
            if event is h11.NEED_DATA:
                await self._write(b"".join(out))
                out.clear()
                await upstream.wait()
                continue
            if passed := _answered(event):
                out.append(self._wire.send(passed) or b"")
            if isinstance(passed, h11.EndOfMessage) or _switches(passed):
                await self._write(b"".join(out))
                return _switches(passed)

    async def _splice(self, upstream: Upstream) -> None:
        """Bytes both ways, until one side ends."""
        out = asyncio.create_task(pour(self._reader, upstream.writer, self._wire.trailing_data[0]))
        back = asyncio.create_task(pour(upstream.reader, self._writer, upstream.wire.trailing_data[0]))
        try:
            await asyncio.wait({out, back}, return_when="FIRST_COMPLETED")
        finally:
            out.cancel()
            back.cancel()

    async def _event(self) -> object:
        while (event := self._wire.next_event()) is h11.NEED_DATA:
            if self._wire.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            async with asyncio.timeout(IDLE):
                self._wire.receive_data(await self._reader.read(CHUNK))
        return event

    async def _send(self, event: h11.Event) -> None:
        await self._write(self._wire.send(event) or b"")

    async def _write(self, raw: bytes) -> None:
        if raw:
            self._writer.write(raw)
            await self._writer.drain()

    async def _say(self, problem: Problem) -> None:
        body = problems.encode(problem.told(uuid4()))
        retry = [(b"retry-after", b"%d" % problem.retry)] if problem.retry else []
        await self._tell(problem.status, problems.MEDIA, body, retry)

    async def _tell(self, status: int, media: str, body: bytes, more: Headers | None = None) -> None:
        """The router's own answer, where none has begun; the connection ends behind it."""
        if self._wire.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        headers = [(b"content-type", media.encode()), (b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        try:
            await self._send(h11.Response(status_code=status, headers=[*headers, *(more or [])]))
            await self._send(h11.Data(data=body))
            await self._send(h11.EndOfMessage())
        except (OSError, h11.LocalProtocolError):
            return

    def _drop(self, upstream: Upstream) -> None:
        upstream.writer.close()
        self._open = {region: each for region, each in self._open.items() if each is not upstream}

    @property
    def _address(self) -> bytes:
        peer = self._writer.get_extra_info("peername")
        return str(peer[0]).encode() if peer else b""


def _answered(event: object) -> h11.Event | None:
    """What the client gets of it: the same, but for what is between the router and the cell alone."""
    match event:
        case h11.InformationalResponse(status_code=101):
            return h11.InformationalResponse(status_code=101, headers=passing(list(event.headers), upgrade=True))
        case h11.Response():
            kept = passing(list(event.headers))
            return h11.Response(status_code=event.status_code, headers=kept, reason=event.reason)
        case h11.Data():
            return h11.Data(data=event.data)
        case h11.EndOfMessage():
            return h11.EndOfMessage()
    return None


def _switches(event: h11.Event | None) -> bool:
    return isinstance(event, h11.InformationalResponse)

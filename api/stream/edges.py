"""`GET /v1/events/stream` (server-sent events) and `/v1/events/live` (WebSocket): one feed, two ways to send it."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from litestar import Request, WebSocket, get, websocket
from litestar.connection import ASGIConnection
from litestar.response.base import ASGIResponse
from msgspec.structs import replace

from api import shapes
from api.edge import HEADERS, Edge
from api.inbound import Inbound
from api.personal import Sight
from api.problems import Problem
from api.stream import cursor, sse, wire
from api.stream.feed import PERSONAL, Feed, Rhythm, Rights, Wanted, rights
from api.stream.parameters import LIVE, PARAMETERS, SSE
from api.stream.tail import Tails
from application.api_keys import Keyring
from application.kernel import Caller
from application.pipeline import Rejected
from application.ports import Access
from domain.kernel import Recorded
from projections.stream import Follow

_RHYTHM = Rhythm()


class Streams:
    """Who follows what.

    `most` is how many streams one credential may hold open in a process; `patience` for how many seconds a client may
    not take what is sent to it.
    """

    def __init__(
        self,
        edge: Edge,
        access: Access,
        keyring: Keyring,
        tails: Tails,
        rhythm: Rhythm = _RHYTHM,
        most: int = 50,
        patience: float = 30,
    ) -> None:
        self.edge = edge
        self.patience = patience
        self._access = access
        self._keyring = keyring
        self._tails = tails
        self._rhythm = rhythm
        self._most = most
        self._open: Counter[UUID] = Counter()

    async def admit(
        self, connection: ASGIConnection[Any, Any, Any, Any], id: UUID, headers: list[tuple[str, str]]
    ) -> tuple[Caller, Follow]:
        """Who asks, and what for. Raises whatever `Edge.told` can tell."""
        if len(list(connection.scope["headers"])) > HEADERS:
            raise Problem("request.headers")
        caller = await self.edge.admit(Inbound(connection.scope), id, headers)
        found = shapes.from_url(bytes(connection.scope["query_string"]), PARAMETERS)
        asked = Follow(**shapes.given(found))
        if not asked.after and (last := connection.headers.get("Last-Event-ID")):
            asked = Follow(**{**shapes.given(found), "after": last})
        if asked.after:
            _cursor(asked.after)
        await self.edge.pipeline.authorise(caller, asked, asked.resource)
        if self._open[caller.actor.id] >= self._most:
            self.edge.limited(caller, "quota.exceeded")
            raise Problem("quota.exceeded", f"One API key may hold {self._most} streams open.", retry=5)
        if not caller.circumstances.session:
            # Whoever names no session has one all the same for as long as this connection stands.
            caller = replace(caller, circumstances=replace(caller.circumstances, session=f"stream:{id}"))
        return caller, asked

    @asynccontextmanager
    async def feed(self, caller: Caller, asked: Follow, key: str) -> AsyncIterator[Feed]:
        """The feed of somebody who was admitted with this API key."""
        self._open[caller.actor.id] += 1
        try:
            async with self._tails.of(caller.tenant) as tail:
                wanted = Wanted(frozenset(asked.types), frozenset(asked.capabilities), asked.resource)
                after = _cursor(asked.after) if asked.after else None
                check, note = self._checked(caller, key), self._noting(caller, asked)
                yield Feed(tail, check, note, wanted, after, self._rhythm)
        finally:
            self._open[caller.actor.id] -= 1
            self._open += Counter()

    def _checked(self, caller: Caller, key: str) -> Callable[[], Any]:
        async def check() -> Rights:
            # The key may have been revoked or have expired, the role may have been changed: both are known in a second.
            known = await self._keyring.caller(key)
            try:
                await self.edge.must_be_granted(caller.tenant)
            except Problem as problem:
                raise Rejected(problem.code) from problem
            return await rights(self._access, known if known.tenant == caller.tenant else caller)

        return check

    def _noting(self, caller: Caller, asked: Follow) -> Callable[[list[Recorded]], Awaitable[None]]:
        async def note(facts: list[Recorded]) -> None:
            sealed = ((name, getattr(each.fact, name)) for each in facts for name in each.fact.__struct_fields__)
            await self.edge.eyes.note(caller, Sight(asked, PERSONAL), len(facts), sealed)

        return note


def _cursor(text: str) -> cursor.Cursor:
    try:
        return cursor.read(text)
    except ValueError as problem:
        raise Problem("request.invalid", str(problem)) from problem


def bearer(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    return connection.headers.get("Authorization", "").partition(" ")[2]


def handlers(streams: Streams) -> Sequence[Any]:
    """Litestar's route handlers of both."""

    @get(SSE, include_in_schema=False)
    async def stream(request: Request[Any, Any, Any]) -> ASGIResponse:
        id, headers = uuid4(), list[tuple[str, str]]()
        try:
            caller, asked = await streams.admit(request, id, headers)
        except Exception as problem:  # noqa: BLE001 - every failure is told as a problem
            told = streams.edge.told(problem, id)
            return ASGIResponse(
                body=told.body, status_code=told.status, headers=[*headers, *told.headers], media_type=told.media
            )
        feed = streams.feed(caller, asked, bearer(request))
        return sse.Stream(feed, follow=asked.follow, patience=streams.patience, headers=headers)

    @websocket(LIVE)
    async def live(socket: WebSocket[Any, Any, Any]) -> None:
        await wire.serve(streams, socket)

    return [stream, live]

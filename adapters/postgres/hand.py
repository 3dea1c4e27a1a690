"""The event loop's connections: a pool's, kept in hand, as giving back and taking cost more than a question does.

Whoever finds none waits in line here. While somebody wants one as psycopg knows it, and after a minute, connections go
back to the pool, which sees how old they are and makes another in the place of one that broke.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic
from uuid import UUID

from psycopg import abc
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from adapters.postgres.silence import ANSWER, LEAST, AsyncConnection, Silent
from adapters.postgres.watch import Row, Watched

Pool = AsyncConnectionPool[AsyncConnection]
_Held = tuple[Watched, float]
"""A connection, and until when it stays in hand."""
_MINUTE = 60.0


class Hand:
    """`patience` is for how many seconds a caller waits, for a connection and for its answer."""

    def __init__(self, pool: Pool, patience: float = ANSWER) -> None:
        self.pool = pool
        self._patience = patience
        self._held = 0
        self._idle: list[_Held] = []
        """The one that was used last is asked first."""
        self._line: deque[asyncio.Future[_Held | None]] = deque()
        """Who waits: for a connection, or for None, which says that one may be had from the pool."""
        self._lending = 0
        self._back: set[asyncio.Task[None]] = set()

    async def fetch(self, tenant: UUID, sql: str, params: abc.Params) -> list[Row]:
        """The rows of one statement, in a transaction of its own.

        Raises `psycopg_pool.PoolTimeout` where no connection comes free in time, and `Silent` where no answer comes.
        """
        seconds = self._patience
        if (held := self._take()) is None:
            began = monotonic()
            held = await self._wait()
            seconds = self._left(began)
        try:
            return await held[0].ask(tenant, sql, params, seconds)
        except Silent:
            await self._drain()
            raise
        finally:
            self._give(held)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[AsyncConnection]:
        """A connection as psycopg knows it."""
        began = monotonic()
        try:
            async with AsyncExitStack() as stack:
                connection = await self._lent(stack)
                connection.patience = self._left(began)
                yield connection
        except Silent:
            await self._drain()
            raise

    async def _lent(self, stack: AsyncExitStack) -> AsyncConnection:
        self._lending += 1
        try:
            if held := self._take():
                self._return(held)
            return await stack.enter_async_context(self.pool.connection())
        finally:
            self._lending -= 1

    async def close(self) -> None:
        while held := self._take():
            self._return(held)
        await asyncio.gather(*self._back)
        await self.pool.close()

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def waiting(self) -> int:
        return len(self._line)

    def _left(self, began: float) -> float:
        return max(self._patience - (monotonic() - began), LEAST)

    async def _drain(self) -> None:
        """Where one connection was silent, the others most likely are as well."""
        while held := self._take():
            self._return(held)
        await self.pool.drain()

    def _take(self) -> _Held | None:
        while self._idle:
            held = self._idle.pop()
            if held[0].sound:
                return held
            self._return(held)
        return None

    async def _wait(self) -> _Held:
        until = monotonic() + self.pool.timeout
        while True:
            left = until - monotonic()
            if self._held < self.pool.max_size:
                return await self._fresh(left)
            if held := await self._turn(left):
                return held

    async def _turn(self, seconds: float) -> _Held | None:
        """Raises `PoolTimeout`."""
        loop = asyncio.get_running_loop()
        place: asyncio.Future[_Held | None] = loop.create_future()
        self._line.append(place)
        # `asyncio.timeout` takes as long as the rest of a wait.
        late = loop.call_later(seconds, self._late, place)
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # It came at the very moment in which nobody wanted it any more.
                self._next(place.result())
            raise
        finally:
            late.cancel()

    def _late(self, place: "asyncio.Future[_Held | None]") -> None:
        if not place.done():
            place.set_exception(PoolTimeout(f"No connection came free in {self.pool.timeout:.0f} s."))

    async def _fresh(self, seconds: float) -> _Held:
        self._held += 1
        try:
            return Watched(await self.pool.getconn(max(seconds, LEAST))), monotonic() + _MINUTE
        except BaseException:
            self._held -= 1
            self._next(None)
            raise

    def _give(self, held: _Held) -> None:
        watched, until = held
        if self._lending or not watched.sound or self.pool.closed or monotonic() > until:
            self._return(held)
        else:
            self._next(held)

    def _next(self, held: _Held | None) -> None:
        """Whose turn it is; where nobody waits, a connection is kept."""
        while self._line:
            place = self._line.popleft()
            if not place.done():
                place.set_result(held)
                return
        if held:
            self._idle.append(held)

    def _return(self, held: _Held) -> None:
        """To the pool. Nobody who was answered waits for it."""
        self._held -= 1
        task = asyncio.create_task(self.pool.putconn(held[0].leave()))
        self._back.add(task)
        task.add_done_callback(self._back.discard)
        if self._line:
            self._next(None)

"""The end of each tenant's log, read once for everybody who follows it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from api.stream.cursor import Cursor
from application.ports import Log, Logs
from domain.kernel import Recorded

_log = logging.getLogger(__name__)


class Ear(Protocol):
    async def heard(self, seconds: float) -> object:
        """Wait for a wake-up, at most that long; falsy where none came."""
        ...


class Wakes(Protocol):
    def commits(self, tenant: UUID) -> AbstractContextManager[Ear]:
        """Rung after commits to the tenant's log, as far as somebody tells us of them."""
        ...


class Pace(Struct, frozen=True):
    """`poll` is the seconds after which the log is looked at without a wake-up; `batch` and `kept` count facts."""

    poll: float = 1
    batch: int = 200
    kept: int = 1000


_PACE = Pace()


class Tail:
    """One tenant's latest facts in memory, and the way to the earlier ones."""

    def __init__(self, log: Log, wakes: Wakes, pace: Pace) -> None:
        self.log = log
        self._wakes = wakes
        self._pace = pace
        self._latest: list[Recorded] = []
        self._moved = asyncio.Event()
        self._ready = asyncio.Event()
        self.head = Cursor(1, 0)

    async def run(self) -> None:
        """Keep up with the log until cancelled."""
        with self._wakes.commits(self.log.tenant) as ear:
            while True:
                try:
                    more = await self._refresh()
                except Exception:  # noqa: BLE001 - followers wait while the database is away
                    _log.exception("The log of tenant %s cannot be read.", self.log.tenant)
                    more = False
                    await asyncio.sleep(self._pace.poll)
                if not more:
                    await ear.heard(self._pace.poll)

    async def start(self) -> Cursor:
        """Where the log ends."""
        await self._ready.wait()
        return self.head

    async def after(self, cursor: Cursor) -> list[Recorded] | None:
        """The facts that follow a cursor, at most a batch; None where the log has no such place (any more)."""
        if self._latest and self._latest[0].position <= cursor.position <= self._latest[-1].position:
            first = cursor.position - self._latest[0].position
            rows = self._latest[first : first + self._pace.batch + 1]
        else:
            rows = await self.log.tail(max(cursor.position - 1, 0), self._pace.batch + 1)
        if cursor.position == 0:
            return rows[: self._pace.batch]
        if not rows or (rows[0].generation, rows[0].position) != cursor:
            return None
        return rows[1:]

    async def wait(self, cursor: Cursor, seconds: float) -> None:
        """Until there may be something after the cursor, at most that long."""
        moved = self._moved
        if self.head <= cursor:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await moved.wait()

    async def _refresh(self) -> bool:
        """Take in what was appended; whether there may be more already."""
        if not self._ready.is_set():
            return await self._begin()
        rows = await self._fresh()
        if rows is None:
            # The log was restored: what is kept here is of a past that did not happen.
            return await self._begin()
        if rows:
            # A new list, since followers may be looking at the old one.
            self._latest = (self._latest + rows)[-self._pace.kept :]
            self._move(Cursor(rows[-1].generation, rows[-1].position))
        return len(rows) == self._pace.batch

    async def _fresh(self) -> list[Recorded] | None:
        """The facts after the last one taken in, from the log itself."""
        rows = await self.log.tail(max(self.head.position - 1, 0), self._pace.batch + 1)
        if self.head.position == 0:
            return rows[: self._pace.batch]
        return rows[1:] if rows and (rows[0].generation, rows[0].position) == self.head else None

    async def _begin(self) -> bool:
        generation, position = await asyncio.to_thread(self.log.head)
        rows = await self.log.tail(position - 1, 1) if position else []
        self._latest = rows
        self._move(Cursor(rows[-1].generation, rows[-1].position) if rows else Cursor(max(generation, 1), 0))
        self._ready.set()
        return False

    def _move(self, head: Cursor) -> None:
        self.head = head
        self._moved.set()
        self._moved = asyncio.Event()


class Tails:
    """The tails that are followed just now, in one event loop."""

    def __init__(self, logs: Logs, wakes: Wakes, pace: Pace = _PACE) -> None:
        self._logs = logs
        self._wakes = wakes
        self._pace = pace
        self._running: dict[UUID, tuple[Tail, asyncio.Task[None]]] = {}
        self._followers: dict[UUID, int] = {}

    @asynccontextmanager
    async def of(self, tenant: UUID) -> AsyncIterator[Tail]:
        """The tenant's tail, kept up as long as anybody follows it."""
        if tenant not in self._running:
            tail = Tail(self._logs.of(tenant), self._wakes, self._pace)
            self._running[tenant] = tail, asyncio.create_task(tail.run())
        self._followers[tenant] = self._followers.get(tenant, 0) + 1
        try:
            yield self._running[tenant][0]
        finally:
            self._followers[tenant] -= 1
            if not self._followers[tenant]:
                del self._followers[tenant]
                _, task = self._running.pop(tenant)
                task.cancel()

"""Where a reader waits for a wake-up: a thread or a coroutine, each with its own timeout."""

import asyncio
import threading
from contextlib import suppress
from uuid import UUID

from msgspec import Struct


class Woken(Struct, frozen=True):
    """Who moved since the last time. `all` says that it may be anybody. False when the time ran out."""

    tenants: frozenset[UUID] = frozenset()
    all: bool = False

    def __bool__(self) -> bool:
        return self.all or bool(self.tenants)


class Ear:
    """Rung from any thread; heard by one waiter at a time. What rang before the wait counts."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._known: dict[UUID, tuple[int, int]] = {}
        self._fresh: set[UUID] = set()
        self._all = False
        self._closed = False
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def ring(self, tenant: UUID, mark: tuple[int, int]) -> None:
        """News of a tenant; an echo of what is known is silent."""
        with self._condition:
            if mark <= self._known.get(tenant, (0, 0)):
                return
            self._known[tenant] = mark
            self._fresh.add(tenant)
            self._notify()

    def ring_all(self) -> None:
        """Anybody may have moved."""
        with self._condition:
            self._all = True
            self._notify()

    def reached(self, tenant: UUID) -> tuple[int, int]:
        """The furthest generation and position heard of."""
        return self._known.get(tenant, (0, 0))

    def wait(self, seconds: float) -> Woken:
        """Block a thread until something rings, or for that long."""
        with self._condition:
            self._condition.wait_for(lambda: self._all or self._fresh or self._closed, seconds)
            return self._take()

    async def heard(self, seconds: float) -> Woken:
        """The same for a coroutine of any loop."""
        rung = asyncio.Event()
        with self._condition:
            if self._all or self._fresh or self._closed:
                return self._take()
            self._waiter = (asyncio.get_running_loop(), rung)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await rung.wait()
        with self._condition:
            self._waiter = None
            return self._take()

    def close(self) -> None:
        """Let go of whoever waits."""
        with self._condition:
            self._closed = True
            self._notify()

    def _take(self) -> Woken:
        woken = Woken(frozenset(self._fresh), self._all)
        self._fresh.clear()
        self._all = False
        return woken

    def _notify(self) -> None:
        self._condition.notify_all()
        if self._waiter:
            loop, rung = self._waiter
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(rung.set)

"""One connection to NATS for a process: a thread with a loop of its own, reconnecting for ever.

Every connection is a client of its own. When one ends, whatever lives on it ends with it and starts again on the next:
nothing has to guess what was lost in between.
"""

import asyncio
import logging
import ssl
import threading
from collections.abc import Awaitable, Callable, Collection, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from msgspec import Struct
from nats.aio.client import Client
from nats.errors import Error

from adapters.nats.dial import dial

T = TypeVar("T")
Resident = Callable[[Client], Awaitable[None]]
"""Runs for as long as a connection lasts, and again on the next."""

_AGAIN = 0.2
"""Seconds after which what has not ended is cancelled once more."""

_log = logging.getLogger(__name__)


class Away(Exception):
    """NATS cannot be reached just now."""


async def ended(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel them until they have ended.

    The library turns a cancellation into an error of its own where its connection is closed already: a loop that goes
    on after errors would go on for ever.
    """
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_AGAIN)
    await asyncio.gather(*tasks, return_exceptions=True)


def addresses(url: str) -> list[str]:
    """The servers of a URL, or of several with commas between them."""
    return [each for part in url.split(",") if (each := part.strip())] or [url]


class Patience(Struct, frozen=True):
    """Seconds. `pings` times `ping` is how long a server may hang before it counts as gone."""

    connect: float = 2
    pause: float = 0.1
    longest_pause: float = 2
    ping: float = 3
    pings: int = 2


_PATIENCE = Patience()


class Link:
    """Start it in the process that uses it, never before a fork.

    `url` is a server's, or those of a cluster's servers, separated by commas: while one is away the next one is tried.
    """

    def __init__(
        self,
        url: str,
        name: str = "everlog",
        patience: Patience = _PATIENCE,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._urls = addresses(url)
        self._trust = trust
        self._turn = 0
        self._name = name
        self._patience = patience
        self._residents: list[Resident] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="nats", daemon=True)
        self._main: asyncio.Task[None] | None = None
        self._up = threading.Event()
        self.client: Client | None = None

    def resident(self, work: Resident) -> None:
        """Have work done on every connection from now on. Call it before `start`."""
        self._residents.append(work)

    def start(self) -> None:
        """Begin connecting; returns at once, whether NATS answers or not."""
        self._thread.start()

    def stop(self) -> None:
        """Flush, close and end the thread."""
        if not self._thread.is_alive():
            return
        # A library that is cancelled while it handles a trouble of its own may take that for the trouble's end.
        for _ in range(10):
            self.soon(lambda: self._main.cancel() if self._main else self._loop.stop())
            self._thread.join(1)
            if not self._thread.is_alive():
                return

    def wait(self, timeout: float) -> bool:
        """Whether there is a connection, waiting for one up to `timeout` seconds."""
        return self._up.wait(timeout)

    def soon(self, call: Callable[..., Any], *args: Any) -> None:
        """Have the loop call something; from any thread, and silently nothing once the link is stopped."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the link's loop, from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._keep())
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._main)
        self._loop.run_until_complete(ended(asyncio.all_tasks(self._loop)))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _keep(self) -> None:
        pause = self._patience.pause
        while True:
            try:
                await self._session()
                pause = self._patience.pause
            except (Error, OSError, TimeoutError) as problem:
                _log.debug("NATS does not answer (%s); trying again in %.1f s.", type(problem).__name__, pause)
                self._turn += 1
                if self._turn % len(self._urls) == 0:
                    pause = min(pause * 2, self._patience.longest_pause)
            await asyncio.sleep(pause)

    async def _session(self) -> None:
        closed = asyncio.Event()
        client = await self._connect(closed)
        version = client.connected_server_version
        _log.info("Connected to NATS %d.%d.%d.", version.major, version.minor, version.patch)
        self.client = client
        self._up.set()
        tasks = [asyncio.create_task(self._live(work, client)) for work in self._residents]
        try:
            await closed.wait()
            _log.warning("The connection to NATS ended.")
        finally:
            self.client = None
            self._up.clear()
            await ended(tasks)
            with suppress(Error, OSError, TimeoutError):
                await client.close()

    async def _connect(self, closed: asyncio.Event) -> Client:
        async def over() -> None:
            closed.set()

        async def heard(problem: Exception) -> None:
            _log.debug("NATS: %s", type(problem).__name__)

        async with asyncio.timeout(self._patience.connect * 2):
            return await dial(
                self._urls[self._turn % len(self._urls)],
                self._trust,
                name=self._name,
                connect_timeout=self._patience.connect,
                ping_interval=self._patience.ping,
                max_outstanding_pings=self._patience.pings,
                closed_cb=over,
                error_cb=heard,
            )

    async def _live(self, work: Resident, client: Client) -> None:
        """A resident that fails is started anew, without taking the others down."""
        while not client.is_closed:
            try:
                await work(client)
                return
            except (Error, OSError, TimeoutError):
                _log.debug("Work on the connection to NATS was interrupted.", exc_info=True)
            except Exception:  # noqa: BLE001 - one resident must not end the connection of the others
                _log.exception("Work on the connection to NATS failed.")
            await asyncio.sleep(self._patience.longest_pause / 2)

"""A consumer of JetStream that keeps its mark, begins again whenever it was disturbed, and applies each event once."""

import asyncio
import threading
from contextlib import suppress
from uuid import UUID

from nats.errors import Error
from nats.js.errors import Error as JetStreamError

from adapters.nats.consume import Gap, Order, events
from adapters.nats.link import Away
from adapters.nats.streams import reach


class Consumer:
    def __init__(self, url: str, tenant: UUID) -> None:
        self.applied: list[tuple[int, str]] = []
        """(position, digest) of each event that it took."""
        self.received: list[tuple[int, str]] = []
        """Of each message: what a consumer would apply that keeps no mark."""
        self._url = url
        self._tenant = tenant
        self._order = Order({})
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="consumer")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(lambda: self._task and self._task.cancel())
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(self._consume())
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.close()

    async def _consume(self) -> None:
        while True:
            with suppress(Error, JetStreamError, OSError, TimeoutError, Away, Gap):
                await self._follow()
            await asyncio.sleep(0.2)

    async def _follow(self) -> None:
        client = await reach(self._url)
        try:
            async for event in events(client, self._tenant):
                mark = event.position, event.digest
                self.received.append(mark)
                if self._order.admit(event):
                    self.applied.append(mark)
        finally:
            await client.close()

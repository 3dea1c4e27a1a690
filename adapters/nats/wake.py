"""Wake-ups: a word over NATS that a log or its views moved. Losing one costs a poll's delay, never an event."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple
from uuid import UUID

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from adapters.nats import subjects
from adapters.nats.ear import Ear
from adapters.nats.link import Link

BREATH = 0.005
"""Seconds between two announcements of the same process: what moves in between is announced once."""


class Mark(NamedTuple):
    generation: int
    position: int


def mark(data: bytes) -> Mark:
    """Read an announcement.

    Raises:
        ValueError: it is none.
    """
    generation, _, position = data.partition(b":")
    return Mark(int(generation), int(position))


class Wakes:
    """What a process announces and hears. Build it before the link starts; without a link it works within the process.

    Ears are rung by this process at once, by others over NATS, and all of them when a connection comes up, since
    nobody knows what was said before.
    """

    def __init__(self, link: Link | None = None) -> None:
        self._link = link
        self._news: dict[str, Mark] = {}
        self._lock = threading.Lock()
        self._due = False
        self._ears: dict[str, list[Ear]] = {}
        self._wanted: Counter[str] = Counter()
        self._reconcile = asyncio.Event()
        if link:
            link.resident(self._listen)

    def committed(self, tenant: UUID, generation: int, position: int) -> None:
        """A log moved. Called by the committer's thread: it never blocks and never fails."""
        self._announce(subjects.wake(tenant), Mark(generation, position))

    def seen(self, tenant: UUID, generation: int, position: int) -> None:
        """The tenant's views have moved this far."""
        self._announce(subjects.seen(tenant), Mark(generation, position))

    @contextmanager
    def commits(self, tenant: UUID | None = None) -> Iterator[Ear]:
        """An ear for a tenant's commits, or for all tenants'."""
        with self._ear(subjects.wake(tenant) if tenant else "everlog-wake.*") as ear:
            yield ear

    @contextmanager
    def views(self, tenant: UUID) -> Iterator[Ear]:
        """An ear for how far a tenant's views are."""
        with self._ear(subjects.seen(tenant)) as ear:
            yield ear

    def _announce(self, subject: str, news: Mark) -> None:
        self._ring(subject, news)
        if self._link is None:
            return
        with self._lock:
            self._news[subject] = max(news, self._news.get(subject, news))
            due, self._due = self._due, True
        if not due:
            self._link.soon(self._flush)

    def _ring(self, subject: str, news: Mark) -> None:
        tenant = subjects.tenant(subject)
        for wanted in (subject, subject.partition(".")[0] + ".*"):
            for ear in tuple(self._ears.get(wanted, ())):
                ear.ring(tenant, news)

    def _flush(self) -> None:
        """On the link's loop. Where nobody is connected the news is dropped: readers look by themselves."""
        with self._lock:
            news, self._news = self._news, {}
            self._due = bool(news)
        if not news:
            return
        if self._link and (client := self._link.client):
            asyncio.ensure_future(_send(client, news))  # noqa: RUF006 - nobody waits for news that may be lost
        asyncio.get_running_loop().call_later(BREATH, self._flush)

    @contextmanager
    def _ear(self, subject: str) -> Iterator[Ear]:
        ear = Ear()
        with self._lock:
            self._ears.setdefault(subject, []).append(ear)
        self._want(subject, 1)
        try:
            yield ear
        finally:
            with self._lock:
                self._ears[subject].remove(ear)
                if not self._ears[subject]:
                    del self._ears[subject]
            self._want(subject, -1)
            ear.close()

    def _want(self, subject: str, more: int) -> None:
        if self._link is None:
            return

        def change() -> None:
            self._wanted[subject] += more
            self._reconcile.set()

        self._link.soon(change)

    async def _listen(self, client: Client) -> None:
        """Keep the connection's subscriptions to what ears want."""
        held: dict[str, Callable[[], object]] = {}
        self._reconcile.set()
        while not client.is_closed:
            await self._reconcile.wait()
            self._reconcile.clear()
            for subject, many in list(self._wanted.items()):
                if many and subject not in held:
                    held[subject] = (await client.subscribe(subject, cb=self._heard)).unsubscribe
                if not many:
                    del self._wanted[subject]
                    if subject in held:
                        await held.pop(subject)()  # type: ignore[misc] # nats-py's stub hides that it is a coroutine
            # Not to be cut short: an answer that comes after all is an error to the library.
            await asyncio.shield(client.flush())
            with self._lock:
                ears = [ear for each in self._ears.values() for ear in each]
            for ear in ears:
                ear.ring_all()

    async def _heard(self, message: Msg) -> None:
        with suppress(ValueError):
            self._ring(message.subject, mark(message.data))


async def _send(client: Client, news: dict[str, Mark]) -> None:
    with suppress(Error, OSError):
        for subject, each in news.items():
            await client.publish(subject, b"%d:%d" % each)

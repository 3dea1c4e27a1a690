"""The relay: from each tenant's log to JetStream, in order, without a gap, again where JetStream has lost something."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol
from uuid import UUID

from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from adapters.nats import course, streams, subjects, whole
from adapters.nats import publish as batches
from adapters.nats.course import Course, Forked
from adapters.nats.link import Link, ended
from adapters.nats.message import Event, Source
from adapters.nats.publish import Rejected, Stale
from adapters.nats.streams import Retention
from adapters.nats.wake import Mark, mark
from adapters.nats.whole import Erased

JOB = "relay"

_log = logging.getLogger(__name__)


class Leases(Protocol):
    """Who works for a tenant. Synchronous. It saves work twice done; order does not rest on it."""

    def hold(self, job: str, tenant: UUID) -> bool:
        """Take the lease or keep it; False while another has it."""
        ...


Heads = Callable[[], Iterable[tuple[UUID, int, int]]]
"""Every tenant with the generation and last position of its log. Called in a thread."""


class Pace(Struct, frozen=True):
    """Seconds, and counts. `burst` batches at most for one tenant before others have their turn."""

    poll: float = 1
    verify: float = 10
    pause: float = 1
    burst: int = 20
    parallel: int = 8
    retention: Retention | None = None
    """For a stream that has to be made again; what the environment asks for, if nothing is said."""


_PACE = Pace()


Told = Callable[[UUID, Sequence[Event], float], None]


def _nothing(*_: object) -> None:
    """Nobody wants to be told."""


def _nobody(_: UUID) -> frozenset[UUID]:
    """Nobody was erased."""
    return frozenset()


class Skipped(Exception):
    """The log's rows do not follow each other: publishing them would leave a gap for ever."""


class Relay:
    """Works on the link's loop for as long as the link runs. Build it before the link starts.

    `told` is called after each stored batch with its tenant, its events and when it began (seconds since 1970).
    """

    def __init__(
        self,
        link: Link,
        heads: Heads,
        source: Callable[[UUID], Source],
        leases: Leases,
        pace: Pace = _PACE,
        told: Told = _nothing,
        erased: Erased = _nobody,
    ) -> None:
        self._read_heads = heads
        self._source = source
        self._leases = leases
        self._pace = pace
        self._told = told
        self._erased = erased
        self._heads: dict[UUID, Mark] = {}
        self._courses: dict[UUID, Course] = {}
        self._rest: dict[UUID, float] = {}
        self._looked: set[UUID] = set()
        """Of whom is known, on this connection, whether the stream has all that it was given."""
        self._hollow: set[UUID] = set()
        """Of whom it lost something: all of theirs is published again."""
        self._created = ""
        self._max_age = 0.0
        self.forked: dict[UUID, str] = {}
        """The tenants that are not relayed until somebody has looked, and what was found."""
        link.resident(self._work)

    def behind(self) -> dict[UUID, int]:
        """How many events of each tenant are not published yet, as far as this process knows; any thread may ask."""
        heads, courses = dict(self._heads), dict(self._courses)
        return {tenant: head.position - courses[tenant].position for tenant, head in heads.items() if tenant in courses}

    async def _work(self, client: Client) -> None:
        """One connection: nothing is taken over from the one before."""
        self._courses.clear()
        self._rest.clear()
        self._looked.clear()
        changed = asyncio.Event()

        async def woken(message: Msg) -> None:
            self._raise(subjects.tenant(message.subject), mark(message.data))
            changed.set()

        await client.subscribe("everlog-wake.*", cb=woken)
        running: dict[UUID, asyncio.Task[None]] = {}
        looking = asyncio.create_task(self._search(client, changed))
        try:
            await self._tend(client, running, changed)
        finally:
            await ended([looking, *running.values()])

    async def _search(self, client: Client, changed: asyncio.Event) -> None:
        """Look for holes in what the stream holds of those that are published here, once each, one after the other."""
        while not client.is_closed:
            for tenant in self._courses.keys() - self._looked:
                try:
                    lost = await self._lost(client, tenant)
                except Exception as problem:  # noqa: BLE001 - whatever it is, it is tried again
                    _log.warning("The stream of tenant %s cannot be looked at (%s).", tenant, type(problem).__name__)
                    break
                self._looked.add(tenant)
                if lost:
                    _log.error("The stream has lost events of tenant %s: all are published again.", tenant)
                    self._hollow.add(tenant)
                    self._courses.pop(tenant, None)
                    changed.set()
            await asyncio.sleep(self._pace.verify)

    async def _lost(self, client: Client, tenant: UUID) -> bool:
        if not await whole.suspicious(client, tenant) or not (missing := await whole.holes(client, tenant)):
            return False
        erased = await asyncio.to_thread(self._erased, tenant)
        return not await asyncio.to_thread(whole.explained, self._source(tenant), missing, erased)

    async def _tend(self, client: Client, running: dict[UUID, asyncio.Task[None]], changed: asyncio.Event) -> None:
        looked = verified = float("-inf")
        while True:
            changed.clear()
            now = time.monotonic()
            if now - verified >= self._pace.verify:
                await self._verify(client)
                verified = now
            if now - looked >= self._pace.poll:
                await self._look()
                looked = now
            for tenant in [tenant for tenant, task in running.items() if task.done()]:
                del running[tenant]
            for tenant in self._due(now):
                if tenant not in running and len(running) < self._pace.parallel:
                    running[tenant] = asyncio.create_task(self._advance(client, tenant))
                    running[tenant].add_done_callback(lambda _: changed.set())
            try:
                async with asyncio.timeout(self._pace.poll):
                    await changed.wait()
            except TimeoutError:
                continue

    def _due(self, now: float) -> list[UUID]:
        """Those with something to publish, the longest rested first."""
        due = [
            tenant
            for tenant, head in self._heads.items()
            if head.position
            and self._rest.get(tenant, 0) <= now
            and (tenant not in self._courses or self._courses[tenant].position < head.position)
        ]
        return sorted(due, key=lambda tenant: self._rest.get(tenant, 0))

    def _raise(self, tenant: UUID, head: Mark) -> None:
        known = self._heads.get(tenant, Mark(0, 0))
        if head.generation > known.generation:
            self._courses.pop(tenant, None)
        self._heads[tenant] = max(known, head)

    async def _look(self) -> None:
        try:
            heads = await asyncio.to_thread(self._read_heads)
        except Exception:  # noqa: BLE001 - the database may be away for a while
            _log.exception("The heads of the logs cannot be read.")
            return
        for tenant, generation, position in heads:
            self._raise(tenant, Mark(generation, position))

    async def _verify(self, client: Client) -> None:
        """A stream that was deleted or put back under our feet is compared anew."""
        found = await streams.ensure(client, self._pace.retention or streams.retention())
        self._max_age = streams.max_age(found)
        reached = max((each.sequence for each in self._courses.values()), default=0)
        if found["created"] != self._created or found["state"]["last_seq"] < reached:
            self._courses.clear()
            self._looked.clear()
        self._created = found["created"]

    async def _advance(self, client: Client, tenant: UUID) -> None:
        """Publish for one tenant; whatever goes wrong is its own affair and tried again after a rest."""
        rest = 0.0
        try:
            if await asyncio.to_thread(self._leases.hold, JOB, tenant):
                await self._publish(client, tenant)
            else:
                rest = self._pace.pause
        except Stale:
            self._courses.pop(tenant, None)
        except Forked as found:
            self.forked[tenant] = str(found)
            self._courses.pop(tenant, None)
            rest = 30 * self._pace.pause
            _log.error("The stream of tenant %s has an event that its log does not have (%s).", tenant, found)
        except (Rejected, Error, TimeoutError) as problem:
            self._courses.pop(tenant, None)
            rest = self._pace.pause
            _log.warning("Events of tenant %s are not published yet (%s).", tenant, type(problem).__name__)
        except Exception:  # noqa: BLE001 - one tenant must not stop the others
            self._courses.pop(tenant, None)
            rest = self._pace.pause
            _log.exception("Relaying tenant %s failed.", tenant)
        self._rest[tenant] = time.monotonic() + rest

    async def _publish(self, client: Client, tenant: UUID) -> None:
        source = self._source(tenant)
        at = self._courses.get(tenant)
        if at is None:
            if tenant in self._hollow:
                await whole.clear(client, tenant)
                self._hollow.discard(tenant)
            last = await course.last(client, tenant)
            at = await asyncio.to_thread(course.compare, source, last, self._max_age)
            self._courses[tenant] = at
            self.forked.pop(tenant, None)
        events: Sequence[Event] = ()
        for _ in range(self._pace.burst):
            events = events or await asyncio.to_thread(_read, source, at.position)
            if not events:
                # Whoever announced more was wrong, or spoke of a tenant that this database does not have.
                self._heads[tenant] = Mark(*await asyncio.to_thread(source.head))
                return
            _must_follow(at.position, events)
            batch, events = events[: (many := batches.cut(events))], events[many:]
            began = time.time()
            at.sequence = await batches.publish(client, tenant, batch, at.sequence)
            at.position = batch[-1].position
            self._told(tenant, batch, began)


def _read(source: Source, after: int) -> Sequence[Event]:
    return [Event._make(row) for row in source.rows(after, batches.MOST)]


def _must_follow(position: int, events: Sequence[Event]) -> None:
    if [event.position for event in events] != list(range(position + 1, position + 1 + len(events))):
        raise Skipped(f"after position {position}")

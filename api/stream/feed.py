"""One follower's way along a tenant's log: what it may see, in order, without a gap or a repeat."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from api.stream import shape
from api.stream.cursor import Cursor
from api.stream.shape import Event
from api.stream.tail import Tail
from application.api_keys import Unauthenticated
from application.kernel import Caller
from application.pipeline import Rejected
from application.ports import Access, Unanswered
from domain.access import READS
from domain.audit import Read
from domain.kernel import Recorded
from projections.stream import Follow

PERSONAL = "prospects.read-personal"

_log = logging.getLogger(__name__)


class Wanted(Struct, frozen=True):
    """What a follower asks for; an empty part asks for everything. `resource` is a stream, `<capability>/<uuid>`."""

    types: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    resource: str = ""

    def wants(self, recorded: Recorded) -> bool:
        return (
            (not self.types or recorded.type in self.types)
            and (not self.capabilities or recorded.capability in self.capabilities)
            and (not self.resource or recorded.stream == self.resource)
        )


class Rights(Struct, frozen=True):
    """The capabilities whose facts the caller may follow, and whether persons may be told."""

    capabilities: frozenset[str]
    personal: bool


class Rhythm(Struct, frozen=True):
    """Seconds: between two looks at the caller's rights while nothing happens, and between two signs of life."""

    check: float = 1
    heartbeat: float = 15


class Batch(Struct, frozen=True):
    """Facts, and where the follower stands after them and after what was left out; without facts, a sign of life."""

    cursor: Cursor
    events: list[Event] = []


class Reset(Struct, frozen=True):
    """The log was restored without the place the follower stood at: forget everything, it starts from the beginning."""

    cursor: Cursor


class Ended(Struct, frozen=True):
    """Nothing more will come."""

    code: str
    CAUGHT_UP: ClassVar = "caught-up"


Signal = Batch | Reset | Ended

_RHYTHM = Rhythm()


async def rights(access: Access, caller: Caller) -> Rights:
    """What the caller may follow now. Raises `Rejected` where it may not follow at all."""
    if not (await access.decide(caller, Follow.permission)).allowed:
        raise Rejected("access.denied", {"permission": Follow.permission}, audited=True)
    readable = {name for name, needed in READS.items() if (await access.decide(caller, needed)).allowed}
    return Rights(frozenset(readable), (await access.decide(caller, PERSONAL)).allowed)


class Feed:
    """`rights` is asked before everything that is sent; it raises `Rejected` or `Unauthenticated` once it is over.

    `note` is given the facts, sealed, whose persons are about to be told. It raises `Unrecorded`.
    """

    def __init__(
        self,
        tail: Tail,
        rights: Callable[[], Awaitable[Rights]],
        note: Callable[[list[Recorded]], Awaitable[None]],
        wanted: Wanted,
        after: Cursor | None = None,
        rhythm: Rhythm = _RHYTHM,
    ) -> None:
        self._tail = tail
        self._rights = rights
        self._note = note
        self._wanted = wanted
        self._after = after
        self._rhythm = rhythm

    async def signals(self, *, follow: bool = True) -> AsyncGenerator[Signal]:
        """From the cursor on, or from now on where there is none; without `follow` up to where the log ends now."""
        try:
            async with aclosing(self._signals(follow=follow)) as signals:
                async for signal in signals:
                    yield signal
        except (Rejected, Unauthenticated) as refusal:
            yield Ended(refusal.code)
        except Unanswered as nobody:
            yield Ended(nobody.code)
        except Exception:  # noqa: BLE001 - whatever it was, the client resumes where it stood
            _log.exception("Following the log of tenant %s failed.", self._tail.log.tenant)
            yield Ended("service.unavailable")

    async def _signals(self, *, follow: bool) -> AsyncGenerator[Signal]:
        head = await self._tail.start()
        cursor = self._after or head
        clock = asyncio.get_running_loop().time
        spoke = clock()
        if self._after is None:
            yield Batch(cursor)
        while True:
            rows = await self._tail.after(cursor)
            allowed = await self._rights()
            if rows is None:
                cursor = Cursor(self._tail.head.generation, 0)
                yield Reset(cursor)
            elif rows:
                cursor = Cursor(rows[-1].generation, rows[-1].position)
                yield Batch(cursor, await self._shown(rows, allowed))
            elif not follow:
                yield Ended(Ended.CAUGHT_UP)
                return
            elif clock() - spoke >= self._rhythm.heartbeat:
                yield Batch(cursor)
            else:
                await self._tail.wait(cursor, self._rhythm.check)
                continue
            spoke = clock()

    async def _shown(self, rows: list[Recorded], allowed: Rights) -> list[Event]:
        shown = [row for row in rows if row.capability in allowed.capabilities and self._wanted.wants(row)]
        # What a reader asked for stays sealed: to tell it would be a read again, and be told again, without an end.
        told = [row for row in shown if allowed.personal and not isinstance(row.fact, Read)]
        opened: dict[int, Recorded] = {}
        if told:
            await self._note(told)
            facts = await self._tail.log.opened([row.fact for row in told])
            opened = {row.position: replace(row, fact=fact) for row, fact in zip(told, facts, strict=True)}
        return [shape.event(opened.get(row.position, row), personal=row.position in opened) for row in shown]

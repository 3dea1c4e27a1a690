"""What led to an event, and what it led to."""

from collections.abc import Callable
from typing import ClassVar

from msgspec import Struct

from projections.audit.entry import Entry, audit
from projections.kernel import Is, Query, Reads

LONGEST = 200
"""Entries in a chain; what goes on beyond them is asked for from its last one."""


class Chain(Struct, frozen=True):
    """Entries in the order of the log, without the one that was asked about."""

    entries: list[Entry]
    whole: bool
    """Whether there were no more of them."""


class Causes(Query, frozen=True, kw_only=True):
    """What led to an event, back to the first that no event of the log caused."""

    permission: ClassVar = "audit.read"
    position: int

    async def answer(self, reads: Reads) -> Chain | None:
        return await _chain(reads, self.position, lambda entry: Is("event", entry.causation))


class Effects(Query, frozen=True, kw_only=True):
    """What an event led to, and what that led to."""

    permission: ClassVar = "audit.read"
    position: int

    async def answer(self, reads: Reads) -> Chain | None:
        return await _chain(reads, self.position, lambda entry: Is("causation", entry.event))


async def _chain(reads: Reads, position: int, onwards: Callable[[Entry], Is]) -> Chain | None:
    """Nearest first, so that what is left out is what is farthest; a circle ends where it closes."""
    if (asked := await reads.one(audit, position)) is None:
        return None
    found = {position: asked}
    due, whole = [asked], True
    while due and len(found) <= LONGEST + 1:
        link = onwards(due.pop(0))
        if link.value is None:
            continue
        page = await reads.page(audit, [link], sort="position", limit=LONGEST)
        news = [each for each in page.rows if each.position not in found]
        whole = whole and not page.cursor
        found |= {each.position: each for each in news}
        due += news
    nearest = list(found.values())[1 : LONGEST + 1]
    return Chain(sorted(nearest, key=lambda each: each.position), whole and len(found) <= LONGEST + 1)

"""What is seen of saved searches: one's own, and those that are shared."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Personal, Recorded
from domain.searches import Dropped, Facts, Saved, Shared, Withdrawn
from projections.kernel import Home, Is, Page, Query, Reads, View, Where

YES, NO = "yes", "no"


class SearchRow(Struct, frozen=True):
    id: UUID
    by: UUID
    name: str
    filter: tuple[tuple[str, str], ...]
    sought: Personal[tuple[tuple[str, str], ...]]
    saved_at: datetime
    changed_at: datetime
    shared: str = NO


def select(recorded: Recorded) -> Where | None:
    return Where("id", recorded.id)


def evolve(rows: list[SearchRow], recorded: Recorded) -> list[SearchRow]:
    at = recorded.at
    match recorded.fact:
        case Saved(by=by, name=name, filter=asked, sought=sought):
            if rows:
                return [replace(rows[0], name=name, filter=asked, sought=sought, changed_at=at)]
            return [SearchRow(recorded.id, by, name, asked, sought, at, at)]
        case Shared():
            return [replace(row, shared=YES, changed_at=at) for row in rows]
        case Withdrawn():
            return [replace(row, shared=NO, changed_at=at) for row in rows]
        case Dropped():
            return []
    return rows


searches = View(
    "searches",
    2,
    SearchRow,
    select,
    evolve,
    facts=Facts,
    filters=("by", "shared"),
    sorts=("saved_at",),
    indexes=(("by", "saved_at"), ("shared", "saved_at")),
    home=Home.stream("searches", "id"),
)


class List(Query, frozen=True, kw_only=True):
    """One's own, or those that anybody has shared."""

    permission: ClassVar = "audit.read"
    by: UUID
    shared: bool = False
    limit: int = 50
    cursor: str = ""

    async def answer(self, reads: Reads) -> Page[SearchRow]:
        where = Is("shared", YES) if self.shared else Is("by", self.by)
        return await reads.page(searches, [where], sort="-saved_at", limit=self.limit, cursor=self.cursor)


class Run(Struct, frozen=True, kw_only=True):
    """Ask a saved search of the trail."""

    permission: ClassVar = "audit.read"
    id: UUID

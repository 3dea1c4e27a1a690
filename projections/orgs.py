"""What is seen of an organisation: its members, each in the role that they have."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Recorded
from domain.orgs import Joined, Removed, RoleChanged
from projections.kernel import Is, Page, Query, Reads, View, Where


class MemberRow(Struct, frozen=True):
    id: UUID
    """As the organisation calls them."""
    role: str
    since: datetime
    """When they got the role."""
    by: str
    """`<kind>:<uuid>` of who gave it."""
    joined_at: datetime


def select(recorded: Recorded) -> Where | None:
    match recorded.fact:
        case Joined(member=member) | RoleChanged(member=member) | Removed(member=member):
            return Where("id", member)
    return None


def evolve(rows: list[MemberRow], recorded: Recorded) -> list[MemberRow]:
    at, by = recorded.at, str(recorded.meta.actor)
    match recorded.fact:
        case Joined(member=member, role=role):
            return [MemberRow(member, role, at, by, at)]
        case RoleChanged(taken=role):
            return [replace(row, role=role, since=at, by=by) for row in rows]
        case Removed():
            return []
    return rows


members = View(
    "members",
    1,
    MemberRow,
    select,
    evolve,
    facts=Joined | RoleChanged | Removed,
    filters=("role",),
    sorts=("joined_at",),
)


class List(Query, frozen=True, kw_only=True):
    permission: ClassVar = "orgs.read"
    role: str | None = None
    sort: str = "joined_at"
    limit: int = 50
    cursor: str = ""

    async def answer(self, reads: Reads) -> Page[MemberRow]:
        where = [Is("role", self.role)] if self.role else []
        return await reads.page(members, where, sort=self.sort, limit=self.limit, cursor=self.cursor)


class Get(Struct, frozen=True, kw_only=True):
    """Asked of the log."""

    permission: ClassVar = "orgs.read"
    id: UUID

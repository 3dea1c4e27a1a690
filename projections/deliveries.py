"""What is seen of deliveries: the destinations that stand."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.deliveries import (
    Accepted,
    Added,
    Facts,
    Paused,
    Rejected,
    Removed,
    Replayed,
    Resumed,
)
from domain.kernel import Recorded
from projections.kernel import Is, Page, Query, Reads, View, Where


class DestinationRow(Struct, frozen=True):
    """All but its secret."""

    id: UUID
    name: str
    kind: str
    address: str
    account: str
    region: str
    circumstances: bool
    """Whether addresses, sessions, user agents and reasons are delivered too."""
    stage: str
    """active or paused."""
    added_at: datetime
    added_by: str
    """`<kind>:<uuid>` of the actor."""
    after: int
    """Where the round begins: the first record is the one behind this position."""
    changed: int
    """The position of the last fact about it."""
    round: int = 1
    """Goes up with each replay."""
    rejected: str = ""
    """Why it refuses what it is sent; "" while it does not."""
    rejected_at: datetime | None = None


def select(recorded: Recorded) -> Where | None:
    return Where("id", recorded.id)


def evolve(rows: list[DestinationRow], recorded: Recorded) -> list[DestinationRow]:
    if isinstance(recorded.fact, Added):
        return [_added(recorded, recorded.fact)]
    return [replace(row, changed=recorded.position) for each in rows for row in _changed(each, recorded)]


def _added(recorded: Recorded, added: Added) -> DestinationRow:
    return DestinationRow(
        id=recorded.id,
        name=added.name,
        kind=added.kind,
        address=added.address,
        account=added.account,
        region=added.region,
        circumstances=added.circumstances,
        stage="active",
        added_at=recorded.at,
        added_by=str(recorded.meta.actor),
        after=added.after,
        changed=recorded.position,
    )


def _changed(row: DestinationRow, recorded: Recorded) -> list[DestinationRow]:
    match recorded.fact:
        case Paused() | Resumed():
            return [replace(row, stage="paused" if isinstance(recorded.fact, Paused) else "active")]
        case Replayed(after=after):
            return [replace(row, after=after, round=row.round + 1)]
        case Rejected(why=why):
            return [replace(row, rejected=why, rejected_at=recorded.at)]
        case Accepted():
            return [replace(row, rejected="", rejected_at=None)]
        case Removed():
            return []
    return [row]


deliveries = View(
    "deliveries", 1, DestinationRow, select, evolve, facts=Facts, filters=("kind", "stage"), sorts=("added_at",)
)


class List(Query, frozen=True, kw_only=True):
    permission: ClassVar = "deliveries.read"
    kind: str | None = None
    sort: str = "added_at"
    limit: int = 50
    cursor: str = ""

    async def answer(self, reads: Reads) -> Page[DestinationRow]:
        where = [Is("kind", self.kind)] if self.kind else []
        return await reads.page(deliveries, where, sort=self.sort, limit=self.limit, cursor=self.cursor)


class Get(Query, frozen=True, kw_only=True):
    permission: ClassVar = "deliveries.read"
    id: UUID

    async def answer(self, reads: Reads) -> DestinationRow | None:
        return await reads.one(deliveries, self.id)


class Stood(NamedTuple):
    """A destination as it was added, and its end; None while it stands."""

    added: Added
    removed: Recorded | None


def stood(history: Sequence[Recorded]) -> Stood | None:
    """None where this version of the program cannot read how it was added."""
    added = history[0].fact
    removed = next((each for each in history if isinstance(each.fact, Removed)), None)
    return Stood(added, removed) if isinstance(added, Added) else None

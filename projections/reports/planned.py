"""Which reports are asked for at the end of each period, and when the next is due."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Recorded
from domain.reports import Asked, Scheduled, Unscheduled, beginning, end
from projections.kernel import Page, Query, Reads, View, Where


class Planned(Struct, frozen=True):
    id: UUID
    kind: str
    every: str
    scheduled_by: str
    """`<kind>:<uuid>` of the actor."""
    scheduled_at: datetime
    since: datetime
    """The beginning of the period that the next report is about."""
    due: datetime
    """Its end."""
    asked: int = 0
    """How many reports there were."""


def select(recorded: Recorded) -> Where | None:
    if isinstance(recorded.fact, Asked):
        return Where("id", recorded.fact.schedule) if recorded.fact.schedule else None
    return Where("id", recorded.id)


def evolve(rows: list[Planned], recorded: Recorded) -> list[Planned]:
    match recorded.fact:
        case Scheduled(kind=kind, every=every):
            since = beginning(every, recorded.at)
            actor = str(recorded.meta.actor)
            return [Planned(recorded.id, kind, every, actor, recorded.at, since, end(every, since))]
        case Asked(until=until):
            return [replace(row, since=until, due=end(row.every, until), asked=row.asked + 1) for row in rows]
        case Unscheduled():
            return []
    return rows


schedules = View(
    "report_schedules",
    1,
    Planned,
    select,
    evolve,
    facts=Asked | Scheduled | Unscheduled,
    filters=("due",),
    sorts=("scheduled_at",),
    indexes=(("due",),),
)


class ListPlanned(Query, frozen=True, kw_only=True):
    permission: ClassVar = "reports.read"
    sort: str = "scheduled_at"
    limit: int = 50
    cursor: str = ""

    async def answer(self, reads: Reads) -> Page[Planned]:
        return await reads.page(schedules, sort=self.sort, limit=self.limit, cursor=self.cursor)

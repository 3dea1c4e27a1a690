"""Which reports were asked for; and the answer to each, made from the log as it stood then."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Decider, Recorded
from domain.reports import Asked, Kind, Taken
from projections.audit import Entry, Trail, audit
from projections.kernel import Is, Page, Query, Reads, View, Where
from projections.predictions.book import List as Predictions
from projections.reports.access import access
from projections.reports.accesses import accesses
from projections.reports.changes import changes
from projections.reports.content import Section, Sources
from projections.reports.decisions import decisions
from projections.reports.erasures import erasures
from projections.reports.processing import processing


class Made(Struct, frozen=True):
    id: UUID
    kind: str
    since: datetime
    until: datetime
    asked_by: str
    """`<kind>:<uuid>` of the actor."""
    asked_at: datetime
    position: int
    """Nothing in the report was recorded later."""
    schedule: UUID | None = None
    """The schedule that asked for it."""
    taken: int = 0
    """How many files of it left."""


def select(recorded: Recorded) -> Where | None:
    return Where("id", recorded.id)


def evolve(rows: list[Made], recorded: Recorded) -> list[Made]:
    match recorded.fact:
        case Asked() as asked:
            by, at, position = str(recorded.meta.actor), recorded.at, recorded.position
            return [Made(recorded.id, asked.kind, asked.since, asked.until, by, at, position, asked.schedule)]
        case Taken():
            return [replace(row, taken=row.taken + 1) for row in rows]
    return rows


reports = View(
    "reports",
    2,
    Made,
    select,
    evolve,
    facts=Asked | Taken,
    filters=("kind", "schedule"),
    sorts=("asked_at",),
    indexes=(("schedule", "asked_at"),),
)


class Get(Query, frozen=True, kw_only=True):
    permission: ClassVar = "reports.read"
    id: UUID

    async def answer(self, reads: Reads) -> Made | None:
        return await reads.one(reports, self.id)


class List(Query, frozen=True, kw_only=True):
    permission: ClassVar = "reports.read"
    kind: Kind | None = None
    schedule: UUID | None = None
    sort: str = "-asked_at"
    limit: int = 50
    cursor: str = ""

    async def answer(self, reads: Reads) -> Page[Made]:
        asked = {"kind": self.kind, "schedule": self.schedule}
        where = [Is(column, value) for column, value in asked.items() if value is not None]
        return await reads.page(reports, where, sort=self.sort, limit=self.limit, cursor=self.cursor)


class Entries(Trail, frozen=True, kw_only=True):
    """The trail in the order of the log, for a report."""

    permission: ClassVar = "reports.read"

    async def answer(self, reads: Reads) -> Page[Entry]:
        return await reads.page(audit, self.where(), sort="at", limit=self.limit, cursor=self.cursor)


class Latest(Trail, frozen=True, kw_only=True):
    """The trail, newest first, for a report."""

    permission: ClassVar = "reports.read"


class Decided(Predictions, frozen=True, kw_only=True):
    """Predictions, for a report; why each was made is for who may see what is about a person."""

    permission: ClassVar = "reports.read"


class Title(NamedTuple):
    title: str
    basis: str


TITLES: Final[Mapping[Kind, Title]] = {
    "access-review": Title("Access review", "Who may do what, for a periodic review (ISO/IEC 27001, A.5.18)."),
    "data-access": Title("Data access", "Who was shown what about persons (GDPR, article 15(1)(c) and 32)."),
    "changes": Title("Changes", "What was changed of settings, permissions and models (SOC 2, CC8.1)."),
    "decisions": Title("Log of automated decisions", "EU AI Act, article 12; GDPR, article 22."),
    "processing": Title("Records of processing", "GDPR, article 30."),
    "erasures": Title("Erasures", "GDPR, article 17: certificates, requests and legal holds."),
}

_MAKERS: Final[Mapping[Kind, Callable[[Sources], Awaitable[list[Section]]]]] = {
    "access-review": access,
    "data-access": accesses,
    "changes": changes,
    "decisions": decisions,
    "erasures": erasures,
}


async def sections(kind: Kind, sources: Sources, deciders: Mapping[str, Decider[Any]]) -> list[Section]:
    """What a report of this kind holds."""
    if kind == "processing":
        return await processing(sources, deciders)
    return await _MAKERS[kind](sources)

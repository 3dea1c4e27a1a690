"""What is seen of prospects: the list, one of them, and what can be asked."""

from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from domain.kernel import Fact, Personal, Recorded
from domain.prospects import Attributes, Captured, Facts, Lost, Noted, Rectified, SignalObserved, StageMoved, Won
from projections.kernel import Home, Is, Page, Query, Reads, View, Where, Within


class ProspectRow(Struct, frozen=True, gc=False):
    id: UUID
    name: Personal[str]
    email: Annotated[Personal[str], Meta(extra={"lookup": True})]
    industry: str
    attributes: Personal[Attributes]
    captured_at: datetime
    changed_at: datetime
    version: int = 1
    """The stream's, for `If-Match`."""
    signals: int = 0
    notes: int = 0
    stage: str = "new"
    value: int | None = None
    currency: str | None = None


def select(recorded: Recorded) -> Where | None:
    return Where("id", recorded.id)


def evolve(rows: list[ProspectRow], recorded: Recorded) -> list[ProspectRow]:
    match recorded.fact:
        case Captured(name=name, email=email, industry=industry, attributes=attributes):
            at = recorded.at
            return [ProspectRow(recorded.id, name, email, industry, attributes, at, at, recorded.version)]
        case Rectified(name=name, email=email, industry=industry, attributes=attributes):
            right = {"name": name, "email": email, "industry": industry, "attributes": attributes}
            return [replace(row, changed_at=recorded.at, version=recorded.version, **right) for row in rows]
    return [replace(row, changed_at=recorded.at, version=recorded.version, **_news(row, recorded.fact)) for row in rows]


def _news(row: ProspectRow, fact: Fact) -> dict[str, Any]:
    match fact:
        case SignalObserved():
            return {"signals": row.signals + 1}
        case Noted():
            return {"notes": row.notes + 1}
        case StageMoved(entered=stage):
            return {"stage": stage}
        case Won(value=value, currency=currency):
            return {"stage": "won", "value": value, "currency": currency}
        case Lost():
            return {"stage": "lost"}
    return {}


prospects = View(
    "prospects",
    2,
    ProspectRow,
    select,
    evolve,
    facts=Facts,
    filters=("stage", "industry", "email", "captured_at", "changed_at", "signals"),
    sorts=("captured_at",),
    indexes=(("stage", "captured_at"), ("industry", "captured_at")),
    home=Home.stream("prospects", "id"),
)


class Get(Query, frozen=True, kw_only=True):
    permission: ClassVar = "prospects.read"
    id: UUID

    async def answer(self, reads: Reads) -> ProspectRow | None:
        return await reads.one(prospects, self.id)


class Then(Struct, frozen=True, kw_only=True):
    """One as it stood at a position or a time: asked of the log, since the view knows only how things stand now."""

    permission: ClassVar = Get.permission
    id: UUID
    as_of: str


class List(Query, frozen=True, kw_only=True):
    permission: ClassVar = "prospects.read"
    stage: str | None = None
    industry: str | None = None
    email: str | None = None
    captured_since: datetime | None = None
    captured_before: datetime | None = None
    signals_least: int | None = None
    signals_below: int | None = None
    sort: str = "-captured_at"
    limit: int = 50
    cursor: str = ""
    fields: tuple[str, ...] = ()

    async def answer(self, reads: Reads) -> Page[ProspectRow]:
        exact = [
            Is(name, value) for name in ("stage", "industry", "email") if (value := getattr(self, name)) is not None
        ]
        ranges = [
            Within("captured_at", self.captured_since, self.captured_before),
            Within("signals", self.signals_least, self.signals_below),
        ]
        return await reads.page(
            prospects,
            [*exact, *(each for each in ranges if each[1:] != (None, None))],
            sort=self.sort,
            limit=self.limit,
            cursor=self.cursor,
            fields=self.fields,
        )

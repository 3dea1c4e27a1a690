"""Reports over HTTP: asked for, listed, read as JSON, and taken away as a file, which the log records first."""

import asyncio
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from api import shapes
from api.call import Call
from api.commands import single
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Presenter
from api.predictions import REASONS
from api.problems import Problem
from api.queries import WAITS, Listing, listed, one
from api.route import Route
from application.kernel import Caller
from application.pipeline import Asked
from application.reports import Make, Schedule, Take, Unschedule
from domain.kernel import Recorded
from domain.reports import Format, Kind
from projections.audit import Entry
from projections.predictions.book import Predicted
from projections.proofs.note import origin
from projections.reports import (
    MOST,
    TITLES,
    Decided,
    Entries,
    Get,
    Latest,
    List,
    ListPlanned,
    Made,
    Planned,
    Report,
    sections,
)

Time = Annotated[datetime, Meta(tz=True)]
Shown = shapes.answer(Made, "Report")
ReportSchedule = shapes.answer(Planned, "ReportSchedule")
_made, _planned, _predicted = Presenter(Made), Presenter(Planned), Presenter(Predicted, REASONS)
_SCHEDULE = "/v1/reports/schedules/{id}"
PAGE = 200
MEDIA: Final[dict[Format, str]] = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}


class ReportFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: Annotated[Format, Meta(description="A page, a workbook, or JSON.")] = "json"


class AsItStood:
    """`projections.reports.Sources`: a tenant's trail and logs before a moment, as somebody may see them."""

    def __init__(self, edge: Edge, caller: Caller, made: Made, known: tuple[int, int]) -> None:
        self.tenant = caller.tenant
        self.controller = edge.controller
        self.since = made.since
        self.until = min(made.until, made.asked_at)
        self._edge = edge
        self._caller = caller
        self._known = known

    async def entries(self, *, whole: bool = False, **asked: Any) -> tuple[list[Entry], bool]:
        query = Entries(**asked, since=None if whole else self.since, before=self.until, limit=PAGE)
        found, all_of_them = await self._all(query)
        return found, all_of_them

    async def last(self, actor: UUID) -> Entry | None:
        query = Latest(actor=actor, before=self.until, limit=1)
        page = await self._edge.pipeline.ask(self._caller, query, self._known)
        return next(iter(page.rows), None)

    async def recorded(self, position: int) -> Recorded:
        [found] = await self._edge.logs.of(self._caller.tenant).tail(position - 1, 1)
        return found

    async def history(self, stream: str) -> list[Recorded]:
        found = await self._edge.logs.of(self._caller.tenant).history(stream)
        return [each for each in found if each.at < self.until]

    async def decisions(self) -> tuple[list[dict[str, Any]], bool]:
        query = Decided(made_since=self.since, made_before=self.until, sort="at", limit=PAGE)
        found, all_of_them = await self._all(query)
        return await _predicted.rows(self._edge.eyes, self._caller, found, query), all_of_them

    async def _all(self, query: Any) -> tuple[list[Any], bool]:
        found = list[Any]()
        while len(found) <= MOST:
            page = await self._edge.pipeline.ask(self._caller, query, self._known)
            found += page.rows
            if not page.cursor:
                break
            query = replace(query, cursor=page.cursor)
        return found[:MOST], len(found) <= MOST


class ReportSection(Struct, frozen=True, kw_only=True):
    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[list[str | int | float | None]]
    """Times as RFC 3339 has them."""
    whole: bool
    """False where there were more than 5,000: these are the oldest."""


class ReportContent(Struct, frozen=True, kw_only=True):
    """A report, as its files have it too. The same log has the same answer, but for who was erased since.

    Records of processing name the controller as `EVERLOG_CONTROLLER` says when they are taken.
    """

    id: UUID
    kind: Kind
    title: str
    basis: str
    tenant: UUID
    since: Time
    until: Time
    asked_by: str
    asked_at: Time
    origin: str
    """Of the Merkle tree that everything in it is a leaf of."""
    generation: int
    position: int
    """Nothing in it was recorded later."""
    sections: list[ReportSection]


async def get(edge: Edge, call: Call) -> Reply:
    return reply(await one(edge, call, Get(id=call.id), _made, "reports.unknown"))


async def file(edge: Edge, call: Call) -> Reply:
    """Recorded before it is handed out: where that fails, nothing leaves."""
    asked: Any = shapes.from_url(call.query, ReportFile)
    report = await _report(edge, call)
    write = msgspec.json.encode if asked.format == "json" else edge.documents[asked.format]
    body = await asyncio.to_thread(write, report)
    take = Take(format=asked.format, rows=report.rows, size=len(body), digest=sha256(body).hexdigest())
    done = await edge.pipeline.run(call.caller, Asked(take, call.id))
    name = f"everlog-{report.kind}-{report.until:%Y-%m-%d}-{report.id}.{asked.format}"
    headers = [
        ("Content-Disposition", f'attachment; filename="{name}"'),
        ("Everlog-Position", f"{done.generation}:{done.position}"),
    ]
    return Reply(body, headers=headers, media=MEDIA[asked.format])


async def _report(edge: Edge, call: Call) -> Report:
    tenant = call.caller.tenant
    generation, position = await asyncio.to_thread(edge.logs.of(tenant).head)
    known = (generation, position)
    made = await edge.pipeline.ask(call.caller, Get(id=call.id), known)
    if made is None:
        raise Problem("reports.unknown")
    sources = AsItStood(edge, call.caller, made, known)
    title = TITLES[made.kind]
    return Report(
        id=made.id,
        kind=made.kind,
        title=title.title,
        basis=title.basis,
        tenant=tenant,
        since=made.since,
        until=sources.until,
        asked_by=made.asked_by,
        asked_at=made.asked_at,
        origin=origin(tenant, generation),
        generation=generation,
        position=made.position,
        sections=await sections(made.kind, sources, edge.deciders),
    )


ROUTES = (
    *listed(
        Listing(
            query=List,
            presenter=_made,
            row=Shown,
            path="/v1/reports",
            tag="reports",
            operation="Reports",
            summary="List reports",
        )
    ),
    *listed(
        Listing(
            query=ListPlanned,
            presenter=_planned,
            row=ReportSchedule,
            path="/v1/reports/schedules",
            tag="reports",
            operation="ReportSchedules",
            summary="List what is asked for at the end of each period",
        )
    ),
    single(
        Schedule,
        _SCHEDULE,
        "scheduleReport",
        "Ask for a report at the end of each period",
        description=(
            "The first is about the period that this is asked in. The identifier is yours to choose, and names the "
            "schedule in the reports that it asks for."
        ),
    ),
    single(Unschedule, f"{_SCHEDULE}/end", "unscheduleReport", "Ask for it no more"),
    single(
        Make,
        "/v1/reports",
        "makeReport",
        "Ask for a report",
        description=(
            "It covers what was recorded from `since` on and before `until`, as the log stood when it was asked for, "
            "and is the same whenever it is taken, but for who was erased since."
        ),
    ),
    Route(
        method="GET",
        path="/v1/reports/{id}",
        operation="getReport",
        tag="reports",
        summary="Get what was asked of a report",
        permission=Get.permission,
        answer=Shown,
        problems=("reports.unknown",),
        headers=WAITS,
        serve=get,
    ),
    Route(
        method="GET",
        path="/v1/reports/{id}/file",
        operation="takeReport",
        tag="reports",
        summary="Take a report as JSON, PDF or a workbook",
        description=(
            "Made from the log when it is asked for, and recorded before it leaves. The JSON has the same content as "
            "the PDF (tagged, PDF/A-2a) and the workbook (XLSX, in which no cell is a formula)."
        ),
        permission=Get.permission,
        parameters=ReportFile,
        answer=ReportContent,
        others=(MEDIA["pdf"], MEDIA["xlsx"]),
        problems=("reports.unknown", "views.behind", "contended"),
        returns=("Everlog-Position",),
        serve=file,
    ),
)

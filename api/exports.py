"""Exports of the trail over HTTP: streamed as it is read, and recorded in the log, which vouches for the manifest."""

import asyncio
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from msgspec import UNSET, defstruct
from msgspec.structs import fields, replace

from api import shapes
from api.call import Call
from api.edge import Edge, reply
from api.inbound import Put, Reply
from api.problems import Problem
from api.route import Route
from application.exports import Begin, End
from application.kernel import Caller
from application.pipeline import Asked
from domain.exports import Begun, Ended, Format
from domain.kernel import Actor, Recorded, Refused
from projections.audit import HIDDEN, Entry
from projections.exports import MEDIA, PAGE, WRITERS, Manifest, Take, head, schema
from projections.ocsf import Anchor
from projections.proofs.note import origin, parse
from tenants.context import SYSTEM

SEES = "audit.read-circumstances"
_PROGRAM = Actor("system", SYSTEM)
_FILTER = shapes.parameters(Take, "AuditExportFilter", (*HIDDEN, "limit", "cursor"))
AuditExport = defstruct(
    "AuditExport",
    [("format", Format, "ndjson"), *((each.name, each.type, UNSET) for each in fields(_FILTER))],
    kw_only=True,
    frozen=True,
    forbid_unknown_fields=True,
    module=__name__,
)


class Taking:
    """One export on its way out."""

    def __init__(self, edge: Edge, caller: Caller, id: UUID, begun: Begun, query: Take) -> None:
        self._edge = edge
        self._caller = caller
        self._id = id
        self._begun = begun
        self._query = query
        self._digest = sha256()
        self._rows = self._first = self._last = self._size = 0
        self._whole = False

    async def send(self, put: Put) -> None:
        try:
            await self._part(put, head(self._begun.format))
            while page := await self._page():
                lines = await self._lines(page)
                await self._part(put, b"".join(lines))
                self._rows += len(page)
                self._first = self._first or page[0].position
                self._last = page[-1].position
            self._whole = True
        finally:
            # Whoever hangs up has taken away what had left by then.
            await asyncio.shield(self._end())

    async def _part(self, put: Put, body: bytes) -> None:
        if body:
            await put(body)
            self._digest.update(body)
            self._size += len(body)

    async def _page(self) -> list[Entry]:
        least = max(self._last + 1, self._query.position_least or 0)
        query = replace(self._query, position_least=least, limit=PAGE)
        known = self._begun.generation, self._begun.upto
        page = await self._edge.pipeline.ask(self._caller, query, known)
        rows: list[Entry] = page.rows
        return rows

    async def _lines(self, page: list[Entry]) -> list[bytes]:
        tenant, generation = self._caller.tenant, self._begun.generation
        leaves = await asyncio.to_thread(self._edge.proofs.leaves, tenant, [each.position for each in page])
        if self._begun.circumstances:
            opened = await self._edge.logs.of(tenant).opened_fields(page, ("circumstances",))
            page = [replace(each, **found) if found else each for each, found in zip(page, opened, strict=True)]
        write = WRITERS[self._begun.format]
        return [
            write(each, Anchor(tenant=tenant, generation=generation, leaf=leaves.get(each.position))) for each in page
        ]

    async def _end(self) -> None:
        ended = End(
            rows=self._rows,
            first=self._first,
            last=self._last,
            size=self._size,
            digest=self._digest.hexdigest(),
            whole=self._whole,
        )
        # The program says what left: also where the caller's key was revoked meanwhile.
        caller = replace(self._caller, actor=_PROGRAM, scopes=None, on_behalf_of=self._caller.actor)
        await self._edge.pipeline.run(caller, Asked(ended, self._id))


async def export(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Take)
    asked: Any = shapes.from_url(call.query, AuditExport)
    given = shapes.given(asked)
    kind: Format = given.pop("format")
    generation, upto = await asyncio.to_thread(edge.logs.of(call.caller.tenant).head)
    below = min(given.get("position_below", upto + 1), upto + 1)
    query = Take(**{**given, "position_below": below})
    # Records that the view does not know of yet would be missing unnoticed.
    await edge.pipeline.ask(call.caller, replace(query, limit=1), (generation, upto))
    begun = Begun(
        kind,
        tuple(sorted((name, str(value)) for name, value in given.items())),
        generation,
        upto,
        await edge.eyes.may(call.caller, SEES),
    )
    id = uuid4()
    begin = Begin(**{name: getattr(begun, name) for name in begun.__struct_fields__})
    await edge.pipeline.run(call.caller, Asked(begin, id))
    taking = Taking(edge, call.caller, id, begun, query)
    name = "ndjson" if kind == "ocsf" else kind
    headers = [
        ("Everlog-Export", str(id)),
        ("Content-Disposition", f'attachment; filename="everlog-audit-{id}.{name}"'),
    ]
    return Reply(b"", headers=headers, media=MEDIA[kind], stream=taking.send)


async def manifest(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Take)
    history = await edge.logs.of(call.caller.tenant).history(f"exports/{call.id}")
    if not history:
        raise Problem("exports.unknown")
    told = _told(call.caller.tenant, call.id, history)
    return reply(replace(told, checkpoint=await asyncio.to_thread(_checkpoint, edge, call.caller.tenant, told)))


def _told(tenant: UUID, id: UUID, history: list[Recorded]) -> Manifest:
    opened, closed = history[0], history[-1].fact
    begun: Any = opened.fact
    made = Manifest(
        export=id,
        tenant=tenant,
        format=begun.format,
        schema=schema(begun.format),
        filter=dict(begun.filter),
        circumstances=begun.circumstances,
        made_by=str(opened.meta.actor),
        made_at=opened.at.isoformat(),
        origin=origin(tenant, begun.generation),
        generation=begun.generation,
        upto=begun.upto,
        ended=isinstance(closed, Ended),
    )
    if not isinstance(closed, Ended):
        return made
    return replace(
        made,
        rows=closed.rows,
        first=closed.first,
        last=closed.last,
        size=closed.size,
        sha256=closed.digest,
        whole=closed.whole,
    )


def _checkpoint(edge: Edge, tenant: UUID, told: Manifest) -> str | None:
    try:
        signed = edge.proofs.checkpoint(tenant)
    except Refused:
        return None
    fits = signed.startswith(f"{told.origin}\n") and told.last is not None and parse(signed)[0] >= told.last
    return signed if fits else None


_SHARED: dict[str, Any] = {"method": "GET", "tag": "audit", "permission": Take.permission}
ROUTES = (
    Route(
        path="/v1/audit/export",
        operation="exportAudit",
        summary="Take the trail away, oldest first",
        description=(
            "CSV, NDJSON, or events of OCSF as NDJSON, streamed. The log records who took what away. The header "
            "`Everlog-Export` names the export, whose manifest tells the file's SHA-256 once it has left. Addresses, "
            f"sessions, user agents and reasons are in it for who holds `{SEES}`."
        ),
        parameters=AuditExport,
        media=MEDIA["ndjson"],
        others=(MEDIA["csv"],),
        problems=("views.behind", "query.wrong-type", "query.words", "contended"),
        returns=("Everlog-Export",),
        serve=export,
        **_SHARED,
    ),
    Route(
        path="/v1/audit/exports/{id}",
        operation="getAuditExport",
        summary="Get the manifest of an export",
        answer=Manifest,
        problems=("exports.unknown",),
        serve=manifest,
        **_SHARED,
    ),
)

"""Exports of the trail over HTTP: streamed as it is read."""

from typing import Any

from msgspec import UNSET, defstruct
from msgspec.structs import fields

from api import shapes
from api.call import Call
from api.edge import Edge, reply
from api.exports.taking import SEES, Means, begun, manifest
from api.inbound import Reply
from api.route import Route
from domain.exports import Format
from projections.audit import HIDDEN
from projections.exports import MEDIA, Manifest, Take

_FILTER = shapes.parameters(Take, "AuditExportFilter", (*HIDDEN, "limit", "cursor", "facts"))
AuditExport = defstruct(
    "AuditExport",
    [("format", Format, "ndjson"), *((each.name, each.type, UNSET) for each in fields(_FILTER))],
    kw_only=True,
    frozen=True,
    forbid_unknown_fields=True,
    module=__name__,
)


async def export(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Take)
    asked: Any = shapes.from_url(call.query, AuditExport)
    given = shapes.given(asked)
    kind: Format = given.pop("format")
    taking = await begun(_means(edge), call.caller, kind, given)
    name = "ndjson" if kind == "ocsf" else kind
    headers = [
        ("Everlog-Export", str(taking.id)),
        ("Content-Disposition", f'attachment; filename="everlog-audit-{taking.id}.{name}"'),
    ]
    return Reply(b"", headers=headers, media=MEDIA[kind], stream=taking.send)


async def told(edge: Edge, call: Call) -> Reply:
    return reply(await manifest(_means(edge), call.caller, call.id))


def _means(edge: Edge) -> Means:
    return Means(edge.pipeline, edge.logs, edge.proofs, edge.eyes)


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
        serve=told,
        **_SHARED,
    ),
)

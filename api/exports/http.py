"""Exports of the trail over HTTP: streamed as it is read."""

from typing import Any

from msgspec import UNSET, Struct, defstruct
from msgspec.structs import fields

from api import shapes
from api.audit import NEEDS, SEES
from api.call import Call
from api.edge import Edge, reply
from api.exports.taking import Means, begun, manifest
from api.inbound import Reply
from api.queries import permit
from api.route import Route
from domain.exports import Format
from projections.audit import HIDDEN
from projections.exports import MEDIA, Manifest, Take

_PAGED = ("limit", "cursor", "facts")


def _form(name: str, leave: tuple[str, ...]) -> type[Struct]:
    """The filters that are not left out, beside the format."""
    return defstruct(
        name,
        [
            ("format", Format, "ndjson"),
            *((each.name, each.type, UNSET) for each in fields(shapes.parameters(Take, name, leave))),
        ],
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=True,
        module=__name__,
    )


AuditExport = _form("AuditExport", (*HIDDEN, *_PAGED))
AuditExportSearch = _form("AuditExportSearch", _PAGED)
_read = shapes.decoder(AuditExportSearch)


async def export(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Take)
    return await _sent(edge, call, shapes.from_url(call.query, AuditExport))


async def find(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Take)
    asked = _read(call.body)
    await permit(edge, call, Take, asked, NEEDS)
    return await _sent(edge, call, asked)


async def _sent(edge: Edge, call: Call, asked: Any) -> Reply:
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


_SHARED: dict[str, Any] = {"tag": "audit", "permission": Take.permission}
_STREAMED: dict[str, Any] = {
    "media": MEDIA["ndjson"],
    "others": (MEDIA["csv"],),
    "problems": ("views.behind", "query.wrong-type", "query.words", "contended"),
    "returns": ("Everlog-Export",),
    **_SHARED,
}
ROUTES = (
    Route(
        method="GET",
        path="/v1/audit/export",
        operation="exportAudit",
        summary="Take the trail away, oldest first",
        description=(
            "CSV, NDJSON, or events of OCSF as NDJSON, streamed. The log records who took what away. The header "
            "`Everlog-Export` names the export, whose manifest tells the file's SHA-256 once it has left. Addresses, "
            f"sessions, user agents and reasons are in it for who holds `{SEES}`."
        ),
        parameters=AuditExport,
        serve=export,
        **_STREAMED,
    ),
    Route(
        method="POST",
        path="/v1/audit/export/find",
        operation="findAuditExport",
        summary="Take the trail away, also by what is about a person",
        description=(
            f"By {', '.join(f'`{name}`' for name in HIDDEN)} too. They are sent in the body, since a URL ends up in "
            f"logs, and need `{SEES}`, `about` needs `{NEEDS['about']}`. What they ask for is on record under the key "
            "of who asks; of `about`, that it was used."
        ),
        body=AuditExportSearch,
        serve=find,
        **_STREAMED,
    ),
    Route(
        method="GET",
        path="/v1/audit/exports/{id}",
        operation="getAuditExport",
        summary="Get the manifest of an export",
        answer=Manifest,
        problems=("exports.unknown",),
        serve=told,
        **_SHARED,
    ),
)

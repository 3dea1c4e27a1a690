"""Who could see a resource at a moment, over HTTP."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from msgspec import UNSET

from api import past, shapes
from api.call import Call
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Sight
from api.problems import Problem
from api.route import Route
from domain.api_keys import Issued, api_keys
from domain.kernel import Recorded
from domain.orgs import orgs
from projections.audit import Could, Trail, WhoCould
from projections.audit.access import MOST, holders, seen_by

_PAGE = 200
_ISSUED = str(Issued.__struct_config__.tag)


class AccessAt(past.At, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Parameters belong to one endpoint."""


async def get(edge: Edge, call: Call) -> Reply:
    given = shapes.from_url(call.query, AccessAt).at
    query = WhoCould(capability=call.path["capability"], id=call.id, at=None if given is UNSET else given)
    await edge.pipeline.authorise(call.caller, query, f"{query.capability}/{query.id}")
    permission = seen_by(query.capability)
    tenant = call.caller.tenant
    if permission is None or not await past.upto(edge, call, f"{query.capability}/{query.id}", query.at):
        raise Problem("audit.resource-unknown")
    moment = await past.until(edge, tenant, query.at)
    at = await _clock(edge, tenant, moment)
    org = await past.upto(edge, call, f"{orgs.name}/{tenant}", query.at)
    ids, whole = await _keys(edge, call, moment)
    keys = await asyncio.gather(*(past.upto(edge, call, f"{api_keys.name}/{id}", query.at) for id in ids))
    found = list(holders(org, keys, query.capability, at))
    await edge.eyes.note(call.caller, Sight(query, query.permission, listed=True), len(found))
    return reply(
        Could(capability=query.capability, id=query.id, permission=permission, at=at, holders=found, whole=whole)
    )


async def _clock(edge: Edge, tenant: UUID, moment: int | datetime | None) -> datetime:
    """The log's time at a moment, for what expires."""
    if isinstance(moment, int) and moment:
        found: list[Recorded] = await edge.logs.of(tenant).tail(moment - 1, 1)
        return found[0].at
    return moment if isinstance(moment, datetime) else datetime.now(UTC)


async def _keys(edge: Edge, call: Call, moment: int | datetime | None) -> tuple[list[UUID], bool]:
    """The keys that were ever issued, the newest first, and whether that is all of them."""
    # A key that was issued by then and that the view does not know of yet would be missing unnoticed.
    generation, last = await asyncio.to_thread(edge.logs.of(call.caller.tenant).head)
    known: tuple[int, int] | None = generation, moment if isinstance(moment, int) else last
    ids: list[UUID] = []
    cursor = ""
    while len(ids) < MOST:
        page = await edge.pipeline.ask(call.caller, Trail(type=_ISSUED, limit=_PAGE, cursor=cursor), known)
        ids += [each.resource for each in page.rows]
        known, cursor = None, page.cursor
        if not cursor:
            return ids, True
    return ids, False


ROUTES = (
    Route(
        method="GET",
        path="/v1/audit/resources/{capability}/{id}/access",
        operation="getAuditResourceAccess",
        tag="audit",
        summary="Tell who could see a resource at a moment, and why",
        description=(
            "Folded from the facts of the organisation and its keys up to a position, or up to a time by the log's "
            "clock; now, if neither is named. What each role holds is this release's."
        ),
        permission=WhoCould.permission,
        parameters=AccessAt,
        answer=Could,
        problems=("audit.resource-unknown", "query.position", "views.behind"),
        serve=get,
    ),
)

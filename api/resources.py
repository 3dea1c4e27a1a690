"""Any resource as it stood at a moment of the past, over HTTP."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct

from api import past, shapes
from api.audit import PERSONAL
from api.call import Call
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Sight, plain
from api.problems import Problem
from api.route import Route
from domain.kernel import Erased, Sealed
from projections.audit import Resource


class Stood(Struct, frozen=True, kw_only=True):
    """What a resource's facts had come to."""

    capability: str
    id: UUID
    version: int
    """How many facts there were."""
    generation: int
    position: int
    """Of the last of them; what it changed is told by `GET /v1/audit/{position}`."""
    began_at: datetime
    changed_at: datetime
    state: dict[str, Any]
    withheld: list[str]
    """Where something about a person stands that the caller may not see, as `captured.name`."""
    erased: list[str]
    """Where it stood, of persons who were erased since."""


async def get(edge: Edge, call: Call) -> Reply:
    given = shapes.from_url(call.query, past.At).at
    capability: str = call.path["capability"]
    query = Resource(capability=capability, id=call.id, at=None if given is UNSET else given)
    if (decider := edge.deciders.get(capability)) is None:
        await edge.pipeline.authorise(call.caller, query)
        raise Problem("audit.resource-unknown")
    stream = f"{capability}/{call.id}"
    await edge.pipeline.authorise(call.caller, query, stream)
    history = await past.upto(edge, call, stream, query.at)
    if not history:
        raise Problem("audit.resource-unknown")
    state = decider.fold(each.fact for each in history)
    may = await edge.eyes.may(call.caller, PERSONAL)
    shown = await edge.logs.of(call.caller.tenant).opened(state) if may else state
    await edge.eyes.note(call.caller, Sight(query, PERSONAL), 1, past.marks(state) if may else ())
    marks = list(past.marks(shown))
    last = history[-1]
    return reply(
        Stood(
            capability=capability,
            id=call.id,
            version=last.version,
            generation=last.generation,
            position=last.position,
            began_at=history[0].at,
            changed_at=last.at,
            state=plain(shown, may=may),
            withheld=[path for path, each in marks if isinstance(each, Sealed)],
            erased=[path for path, each in marks if isinstance(each, Erased)],
        )
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/audit/resources/{capability}/{id}",
        operation="getAuditResource",
        tag="audit",
        summary="Get a resource as it stood at a moment",
        description=(
            "Folded from the log up to a position, or up to a time by the log's clock; as it stands now if neither is "
            f"named. What is about persons is shown to who holds `{PERSONAL}`."
        ),
        permission=Resource.permission,
        parameters=past.At,
        answer=Stood,
        problems=("audit.resource-unknown", "query.position"),
        serve=get,
    ),
)

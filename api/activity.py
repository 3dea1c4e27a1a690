"""The trail counted, over HTTP: by what entries are, and over time."""

from collections.abc import Iterator
from typing import Any

from api import shapes
from api.audit import NEEDS
from api.call import Call
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Sight
from api.queries import WAITS, permit
from api.route import Route
from projections.audit import HIDDEN, Faceted, Facets, Over, Timeline

_SHARED: dict[str, Any] = {
    "tag": "audit",
    "permission": Facets.permission,
    "problems": ("query.wrong-type", "query.words"),
    "headers": WAITS,
}


def _counted(query: Any, path: str, operation: str, summary: str, description: str, answer: Any) -> Iterator[Route]:
    """`GET path`, and `POST path/find` with the filters by what is about persons."""
    named = query.__name__
    plain = shapes.parameters(query, f"Audit{named}Query", HIDDEN)
    whole = shapes.parameters(query, f"Audit{named}Search")
    read = shapes.decoder(whole)

    async def get(edge: Edge, call: Call) -> Reply:
        given = shapes.given(shapes.from_url(call.query, plain))
        return reply(await edge.pipeline.ask(call.caller, query(**given), call.at_least))

    async def find(edge: Edge, call: Call) -> Reply:
        asked = read(call.body)
        await permit(edge, call, query, asked, NEEDS)
        wanted = query(**shapes.given(asked))
        found = await edge.pipeline.ask(call.caller, wanted, call.at_least)
        # Counts by what is about somebody tell of them: they are on record like a list.
        await edge.eyes.note(call.caller, Sight(wanted, query.permission, HIDDEN, listed=True), found.total)
        return reply(found)

    kept: dict[str, Any] = {"answer": answer, "description": description, **_SHARED}
    yield Route(
        method="GET", path=path, operation=f"get{operation}", summary=summary, parameters=plain, serve=get, **kept
    )
    yield Route(
        method="POST",
        path=f"{path}/find",
        operation=f"find{operation}",
        summary=f"{summary}, also by what is about a person",
        body=whole,
        serve=find,
        **kept,
    )


ROUTES = (
    *_counted(
        Facets,
        "/v1/audit/facets",
        "AuditFacets",
        "Count the trail by actor, type, capability, outcome, permission, rule, code and model",
        "For any filter of the trail, and by resource where `resources` is asked for; the 200 most frequent of each. "
        "`whole` is false where more match than are counted: then the newest are.",
        Faceted,
    ),
    *_counted(
        Over,
        "/v1/audit/timeline",
        "AuditTimeline",
        "Count the trail by hour or day",
        "In UTC, for any filter of the trail. `whole` is false where more match than are counted: then the newest are.",
        Timeline,
    ),
)

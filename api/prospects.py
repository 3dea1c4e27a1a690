"""Prospects over HTTP."""

from api import shapes
from api.call import Call
from api.commands import single
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Presenter
from api.queries import WAITS, Listing, listed, one
from api.route import Route
from application.prospects import Capture, Lose, Move, Note, Observe, Win
from projections.prospects import Get, List, ProspectRow

COMMANDS = (Capture, Observe, Move, Win, Lose, Note)

Prospect = shapes.answer(ProspectRow, "Prospect")
_presenter = Presenter(ProspectRow)
_ONE = "/v1/prospects/{id}"


async def get(edge: Edge, call: Call) -> Reply:
    """The ETag is the version; `-p` marks the form that shows what is about a person."""
    item = await one(edge, call, Get(id=call.id), _presenter, "prospects.unknown")
    generation = await edge.generation(call.caller.tenant)
    etag = f'"{generation}:{item["version"]}{"" if item["withheld"] else "-p"}"'
    headers = [("ETag", etag), ("Vary", "Authorization")]
    known = call.header("If-None-Match") or ""
    if known.strip() == "*" or etag in known:
        return Reply(b"", 304, headers)
    return reply(item, headers=headers)


ROUTES: tuple[Route, ...] = (
    single(
        Capture,
        "/v1/prospects",
        "captureProspect",
        "Capture a prospect",
        description="The same again does nothing; another under the same identifier or mail address is refused.",
    ),
    *listed(
        Listing(
            query=List,
            presenter=_presenter,
            row=Prospect,
            path="/v1/prospects",
            tag="prospects",
            operation="Prospects",
            summary="List prospects",
            personal=("email",),
        )
    ),
    Route(
        method="GET",
        path=_ONE,
        operation="getProspect",
        tag="prospects",
        summary="Get a prospect",
        permission=Get.permission,
        answer=Prospect,
        success=(200, 304),
        problems=("prospects.unknown",),
        headers=(*WAITS, "If-None-Match"),
        returns=("ETag",),
        serve=get,
    ),
    single(Observe, f"{_ONE}/signals", "observeSignal", "Record a signal about a prospect"),
    single(Move, f"{_ONE}/stage", "moveProspect", "Move a prospect to another stage"),
    single(Win, f"{_ONE}/win", "winProspect", "Close a prospect as won"),
    single(Lose, f"{_ONE}/lose", "loseProspect", "Close a prospect as lost"),
    single(Note, f"{_ONE}/notes", "noteOnProspect", "Write a note about a prospect", description="Also after the end."),
)

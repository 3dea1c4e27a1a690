"""Prospects over HTTP."""

from msgspec import UNSET

from api import past, shapes
from api.call import Call
from api.commands import single
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Presenter
from api.problems import Problem
from api.queries import WAITS, Listing, listed, one
from api.route import Route
from application.prospects import Capture, Lose, Move, Note, Observe, Rectify, Win
from projections.prospects import Get, List, ProspectRow, Then, prospects

COMMANDS = (Capture, Rectify, Observe, Move, Win, Lose, Note)

Prospect = shapes.answer(ProspectRow, "Prospect")
_presenter = Presenter(ProspectRow)
_ONE = "/v1/prospects/{id}"


async def get(edge: Edge, call: Call) -> Reply:
    """The ETag is the version; `-p` marks the form that shows what is about a person."""
    if (moment := shapes.from_url(call.query, past.AsOf).as_of) is not UNSET:
        return await _then(edge, call, Then(id=call.id, as_of=moment))
    item = await one(edge, call, Get(id=call.id), _presenter, "prospects.unknown")
    generation = await edge.generation(call.caller.tenant)
    etag = f'"{generation}:{item["version"]}{"" if item["withheld"] else "-p"}"'
    headers = [("ETag", etag), ("Vary", "Authorization")]
    known = call.header("If-None-Match") or ""
    if known.strip() == "*" or etag in known:
        return Reply(b"", 304, headers)
    return reply(item, headers=headers)


async def _then(edge: Edge, call: Call, query: Then) -> Reply:
    """The row as the view would have held it; it has no ETag, for nothing can change it."""
    stream = f"prospects/{query.id}"
    await edge.pipeline.authorise(call.caller, query, stream)
    history = await past.upto(edge, call, stream, query.as_of)
    if not (rows := prospects.fold([], history)):
        raise Problem("prospects.unknown")
    item = await _presenter.one(edge.eyes, call.caller, rows[0], query)
    last = history[-1]
    return reply(item, headers=[("Everlog-Position", f"{last.generation}:{last.position}")])


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
        description=(
            "With `as_of`, as it stood then, folded from the log: what was recorded later does not count, and who was "
            "erased since is shown as erased. `Everlog-Position` is then that of its last fact."
        ),
        permission=Get.permission,
        parameters=past.AsOf,
        answer=Prospect,
        success=(200, 304),
        problems=("prospects.unknown", "query.position"),
        headers=(*WAITS, "If-None-Match"),
        returns=("ETag", "Everlog-Position"),
        serve=get,
    ),
    single(
        Rectify,
        f"{_ONE}/rectification",
        "rectifyProspect",
        "Correct what was captured of a prospect",
        description=(
            "What is left out stays as it is. What was recorded before stays in the log until the person is erased; "
            "the trail shows both. An address that was theirs stays reserved."
        ),
    ),
    single(Observe, f"{_ONE}/signals", "observeSignal", "Record a signal about a prospect"),
    single(Move, f"{_ONE}/stage", "moveProspect", "Move a prospect to another stage"),
    single(Win, f"{_ONE}/win", "winProspect", "Close a prospect as won"),
    single(Lose, f"{_ONE}/lose", "loseProspect", "Close a prospect as lost"),
    single(Note, f"{_ONE}/notes", "noteOnProspect", "Write a note about a prospect", description="Also after the end."),
)

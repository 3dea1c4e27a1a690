"""Predictions over HTTP: asked for now, booked against what came, and the models that make them."""

import asyncio
from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta, Struct

from api import shapes
from api.again import MOST
from api.call import Call
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Presenter
from api.problems import Problem
from api.queries import WAITS, Listing, listed, one
from api.route import Route
from application.ports import Unanswered
from application.predictions import Verdict
from domain.predictions import Made
from projections.predictions import book, card

Prediction = shapes.answer(book.Predicted, "Prediction")
Scored = shapes.answer(Made, "Scored")
REASONS = "predictions.read-reasons"
_booked, _made = Presenter(book.Predicted, REASONS), Presenter(Made, REASONS)
_Compare = shapes.parameters(card.Compare, "ScoresQuery", leave=("model",))
_Describe = shapes.parameters(
    card.Describe, "ModelQuery", leave=("model",), history=Annotated[int, Meta(ge=1, le=200, description="Milestones.")]
)
_MODEL = "/v1/models/{model}"
BUSY = 5
"""Seconds after which a question may be asked that met another."""


class Score(Struct, frozen=True, forbid_unknown_fields=True):
    """Asked of a worker that has the model at hand, not of the read models."""

    permission: ClassVar = "predictions.score"
    prospect: UUID


_read = shapes.decoder(Score)


async def score(edge: Edge, call: Call) -> Reply:
    given = _read(call.body)
    await edge.pipeline.authorise(call.caller, Score, f"prospects/{given.prospect}")
    try:
        made = await edge.scorer.score(call.caller.tenant, {"prospect": given.prospect}, Made)
    except Unanswered as nobody:
        raise Problem("predictions.unanswered", retry=nobody.seconds) from nobody
    [item] = await _made.rows(edge.eyes, call.caller, [made], given)
    return reply(item)


async def get(edge: Edge, call: Call) -> Reply:
    return reply(await one(edge, call, book.Get(id=call.id), _booked, "predictions.unknown"))


async def describe(edge: Edge, call: Call) -> Reply:
    given = shapes.given(shapes.from_url(call.query, _Describe))
    return reply(await edge.pipeline.ask(call.caller, card.Describe(model=_model(call), **given), call.at_least))


async def compare(edge: Edge, call: Call) -> Reply:
    given = shapes.given(shapes.from_url(call.query, _Compare))
    return reply(await edge.pipeline.ask(call.caller, card.Compare(model=_model(call), **given), call.at_least))


class Recompute(Struct, frozen=True):
    """Asked of the log."""

    permission: ClassVar = "audit.read"
    id: UUID


class Recomputation(Struct, frozen=True, kw_only=True):
    """A prediction made again from the log alone, compared bit for bit."""

    id: UUID
    verdict: Verdict
    """`equal`: the model that it names makes it from the log as it stood. `superseded`: somebody whom the model had
    learned from was erased since. `other-build`: another build of the program made it, or one on another architecture;
    where `differing` names the build alone, everything else came out. `differs`: it does not come out, and that is
    alarming."""
    model: str
    champion: str
    digest: str
    """SHA-256 of the state that it claims to have been made from."""
    build: str
    position: int
    """The log's position that it was made from."""
    recorded_at: int
    """Its own position."""
    again: str | None
    """The digest of the state that the log leads to."""
    superseded_at: int | None
    differing: list[str]
    stood: int | None
    """The position of the kept state from which the model was folded on; null where the whole log was folded."""


async def recomputation(edge: Edge, call: Call) -> Reply:
    query = Recompute(call.id)
    stream = f"predictions/{call.id}"
    await edge.pipeline.authorise(call.caller, query, stream)
    log = edge.logs.of(call.caller.tenant)
    found = await log.history(stream)
    made = await log.opened(found[0].fact) if found else None
    if not isinstance(made, Made):
        raise Problem("predictions.unknown")
    if edge.again is None or edge.learning.locked():
        raise Problem("predictions.unanswered", retry=BUSY)
    async with edge.learning:
        done = await asyncio.to_thread(edge.again, call.caller.tenant, made)
    if done is None:
        raise Problem("predictions.far", details={"events": made.position, "most": MOST})
    return reply(
        Recomputation(
            id=call.id,
            verdict=done.verdict,
            model=made.model,
            champion=made.champion,
            digest=made.digest,
            build=made.build,
            position=made.position,
            recorded_at=found[0].position,
            again=done.again.digest if done.again else None,
            superseded_at=done.superseded_at,
            differing=list(done.differing),
            stood=done.stood,
        )
    )


def _model(call: Call) -> str:
    model: str = call.path["model"]
    if not model.isascii() or not model.isprintable():
        raise Problem("predictions.model-unknown")
    return model


ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/v1/predictions",
        operation="scoreProspect",
        tag="predictions",
        summary="Predict now whether a prospect will be won",
        description="The prediction is recorded, and can be made again from the log at any time.",
        permission=Score.permission,
        body=Score,
        answer=Scored,
        problems=("prospects.unknown", "predictions.prospect-not-open", "predictions.unanswered"),
        serve=score,
    ),
    *listed(
        Listing(
            query=book.List,
            presenter=_booked,
            row=Prediction,
            path="/v1/predictions",
            tag="predictions",
            operation="Predictions",
            summary="List predictions, and what came",
        )
    ),
    Route(
        method="GET",
        path="/v1/predictions/{id}",
        operation="getPrediction",
        tag="predictions",
        summary="Get a prediction",
        permission=book.Get.permission,
        answer=Prediction,
        problems=("predictions.unknown",),
        headers=WAITS,
        serve=get,
    ),
    Route(
        method="GET",
        path="/v1/predictions/{id}/recomputation",
        operation="recomputePrediction",
        tag="predictions",
        summary="Make a prediction again from the log, and compare",
        description=(
            "The model is put back to where it stood: from the last state that a worker kept before, and the log's own "
            "facts since; or else by folding the whole log up to there, if that is no more than "
            f"{MOST:,} events. `everlog predictions recompute` always folds the whole log. One such question at a time "
            "in each process."
        ),
        permission=Recompute.permission,
        answer=Recomputation,
        problems=("predictions.unknown", "predictions.far", "predictions.unanswered", "predictions.prospect-not-open"),
        serve=recomputation,
    ),
    Route(
        method="GET",
        path=_MODEL,
        operation="getModel",
        tag="predictions",
        summary="Get a model's card",
        description="What the model is, who is champion, how good it has been, and its last refits and promotions.",
        permission=card.Describe.permission,
        parameters=_Describe,
        answer=card.Card,
        problems=("predictions.model-unknown",),
        headers=WAITS,
        serve=describe,
    ),
    Route(
        method="GET",
        path=f"{_MODEL}/scores",
        operation="getModelScores",
        tag="predictions",
        summary="Get a model's exact scores beside those of its candidates and references",
        permission=card.Compare.permission,
        parameters=_Compare,
        answer=card.Comparison,
        problems=("predictions.model-unknown",),
        headers=WAITS,
        serve=compare,
    ),
)

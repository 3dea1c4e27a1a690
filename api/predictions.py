"""Predictions over HTTP: asked for now, booked against what came, and the models that make them."""

from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta, Struct

from api import shapes
from api.call import Call
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Presenter
from api.problems import Problem
from api.queries import WAITS, Listing, listed, one
from api.route import Route
from application.ports import Unanswered
from domain.predictions import Made
from projections.predictions import book, card

Prediction = shapes.answer(book.Predicted, "Prediction")
Scored = shapes.answer(Made, "Scored")
_booked, _made = Presenter(book.Predicted), Presenter(Made)
_Compare = shapes.parameters(card.Compare, "ScoresQuery", leave=("model",))
_Describe = shapes.parameters(
    card.Describe, "ModelQuery", leave=("model",), history=Annotated[int, Meta(ge=1, le=200, description="Milestones.")]
)
_MODEL = "/v1/models/{model}"


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

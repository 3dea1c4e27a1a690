"""An organisation's keys over HTTP: where they lie, what became of them, and a rotation before its time."""

from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from api.call import Call
from api.commands import single
from api.edge import Edge, reply
from api.inbound import Reply
from api.route import Route
from application.keys import AskRotation
from domain.keys import Expired, Rotated, keys

At = Annotated[datetime, Meta(tz=True)]


class Look(Struct, frozen=True):
    """Asked of the log."""

    permission: ClassVar = "keys.read"


class Rotation(Struct, frozen=True, kw_only=True):
    """A new tenant key was begun, and everybody's keys were wrapped under it."""

    epoch: int
    subjects: int
    """How many keys of persons and destinations that were."""
    at: At
    position: int


class Destruction(Struct, frozen=True, kw_only=True):
    """A tenant key was destroyed: nothing under it opens any more, in no copy and no backup."""

    epoch: int
    at: At
    position: int


class KeysState(Struct, frozen=True, kw_only=True):
    """The tenant keys that all keys of persons lie under."""

    service: str
    """The key service that the organisation brought, as its setting names it; empty, or `installation`: it has none."""
    asked: bool
    """Whether a rotation was asked for that a worker has not done yet."""
    rotations: list[Rotation]
    """The newest first."""
    destroyed: list[Destruction]
    """The newest first."""


async def look(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Look)
    history = await edge.logs.of(call.caller.tenant).history(f"{keys.name}/{call.caller.tenant}")
    state, rotations, destroyed = keys.fold(each.fact for each in history), list[Rotation](), list[Destruction]()
    for each in reversed(history):
        match each.fact:
            case Rotated(epoch=epoch, subjects=subjects):
                rotations.append(Rotation(epoch=epoch, subjects=subjects, at=each.at, position=each.position))
            case Expired(epoch=epoch):
                destroyed.append(Destruction(epoch=epoch, at=each.at, position=each.position))
    return reply(KeysState(service=state.service, asked=state.asked, rotations=rotations, destroyed=destroyed))


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/keys",
        operation="getKeys",
        tag="keys",
        summary="See where the organisation's keys lie, and what became of them",
        permission=Look.permission,
        answer=KeysState,
        serve=look,
    ),
    single(
        AskRotation,
        "/v1/keys/rotation",
        "rotateKeys",
        "Have a new tenant key begun now, and everybody's keys wrapped under it",
        description=(
            "A worker does it within seconds, while people read and write, and by itself every 15 days; `keys.rotated` "
            "in the trail says so. The key before is destroyed when it is 30 days old."
        ),
    ),
)

"""Deliveries of the trail over HTTP: where to, how far, and what to do about it."""

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from api import shapes
from api.audit import SEES
from api.call import Call
from api.commands import single
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Presenter
from api.problems import Problem
from api.queries import WAITS, Listing, listed, one
from api.route import Route
from application.deliveries import (
    Add,
    ChangeSecret,
    Pause,
    Progress,
    Remove,
    Replay,
    Resume,
    Unfit,
    certifiable,
    certified,
)
from application.kernel import Command
from projections.deliveries import DestinationRow, Get, List

Shown = shapes.answer(DestinationRow, "Destination")
_presenter = Presenter(DestinationRow)
_ONE = "/v1/deliveries/{id}"
_SECRET = {
    "secret": Annotated[
        str,
        Meta(
            max_length=20_000,
            pattern=r"^([!-~]{0,4000}|-----BEGIN [ -~\r\n]*)$",
            description=(
                "A token, or the secret half of an access key. Or, for http and syslog, a certificate with its key in "
                "PEM, which is shown to a receiver that asks for one. It is sealed, and never shown again."
            ),
        ),
    ]
}


class Served(Struct, frozen=True, kw_only=True):
    """How far a destination has been served."""

    round: int
    """Goes up with each replay."""
    generation: int
    position: int
    """It has accepted everything up to here."""
    head: int
    """The log's last position."""
    behind: int
    """How many records it has not accepted."""
    accepted_at: Annotated[datetime, Meta(tz=True)] | None
    tries: int
    """In vain, since it last accepted something."""
    failing_since: Annotated[datetime, Meta(tz=True)] | None
    why: str
    """What the last of those tries came to."""


class DestinationState(Struct, frozen=True, kw_only=True):
    destination: Shown  # type: ignore[valid-type]  # a type made at run time
    served: Served


async def get(edge: Edge, call: Call) -> Reply:
    shown = await one(edge, call, Get(id=call.id), _presenter, "deliveries.unknown")
    tenant = call.caller.tenant
    progress, (generation, head) = await asyncio.gather(
        asyncio.to_thread(edge.deliveries.progress, tenant), asyncio.to_thread(edge.logs.of(tenant).head)
    )
    mark = progress.get(call.id) or Progress(0, 0, 0)
    if mark.round < shown["round"]:
        mark = Progress(
            shown["round"], generation, min(shown["after"], head), mark.at, mark.tries, mark.failing_since, mark.why
        )
    served = Served(
        round=mark.round,
        generation=mark.generation,
        position=mark.position,
        head=head,
        behind=max(0, head - mark.position),
        accepted_at=mark.at,
        tries=mark.tries,
        failing_since=mark.failing_since,
        why=mark.why,
    )
    return reply({"destination": shown, "served": served})


async def _add(edge: Edge, call: Call, id: UUID, given: Any) -> Command:
    if given.circumstances:
        await edge.pipeline.authorise(call.caller, Add, f"deliveries/{id}", SEES)
    await edge.pipeline.authorise(call.caller, Add, f"deliveries/{id}")
    if certified(given.secret) and not certifiable(given.kind, given.address):
        raise Problem("deliveries.secret")
    return Add(**(_fields(Add, given) | {"secret": await _sealed(edge, call, id, given.secret)}))


async def _change(edge: Edge, call: Call, id: UUID, given: Any) -> Command:
    await edge.pipeline.authorise(call.caller, ChangeSecret, f"deliveries/{id}")
    return ChangeSecret(secret=await _sealed(edge, call, id, given.secret))


async def _sealed(edge: Edge, call: Call, id: UUID, secret: str) -> bytes:
    if not secret:
        return b""
    try:
        return await asyncio.to_thread(edge.deliveries.seal, call.caller.tenant, id, secret)
    except Unfit as unfit:
        raise Problem("deliveries.secret") from unfit


def _fields(of: type[Command], given: Any) -> dict[str, Any]:
    return {name: getattr(given, name) for name in of.__struct_fields__}


ROUTES: tuple[Route, ...] = (
    single(
        Add,
        "/v1/deliveries",
        "addDestination",
        "Have the trail delivered to a destination",
        description=(
            "As events of OCSF, in the order of the log, each at least once and with what it is proven by. "
            "Records leave once they are sealed. None goes to an address that is not public, unless the operator names "
            "its host."
        ),
        types=_SECRET,
        made=_add,
    ),
    *listed(
        Listing(
            query=List,
            presenter=_presenter,
            row=Shown,
            path="/v1/deliveries",
            tag="deliveries",
            operation="Destinations",
            summary="List destinations",
        )
    ),
    Route(
        method="GET",
        path=_ONE,
        operation="getDestination",
        tag="deliveries",
        summary="Get a destination, and how far it has been served",
        permission=Get.permission,
        answer=DestinationState,
        problems=("deliveries.unknown",),
        headers=WAITS,
        serve=get,
    ),
    single(
        ChangeSecret,
        f"{_ONE}/secret",
        "changeDestinationSecret",
        "Give a destination another secret",
        types=_SECRET,
        made=_change,
    ),
    single(Pause, f"{_ONE}/pause", "pauseDestination", "Deliver no more for now"),
    single(Resume, f"{_ONE}/resumption", "resumeDestination", "Go on where it was paused"),
    single(
        Replay,
        f"{_ONE}/replay",
        "replayDestination",
        "Deliver everything behind a position once more",
        description="Whatever is delivered twice has the same `metadata.uid` and position.",
    ),
    single(Remove, f"{_ONE}/removal", "removeDestination", "Deliver nothing there again"),
)

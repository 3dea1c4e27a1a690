"""What stands in the way of a person's erasure, and until when."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from api.call import Call
from api.edge import Edge, reply
from api.inbound import Reply
from api.route import Route
from application.privacy import refusal
from domain.kernel import Recorded
from domain.privacy import Hold, Privacy, Standing, privacy, standing
from projections.privacy import GetStanding


class HoldStanding(Struct, frozen=True, kw_only=True):
    """A hold that covers something of the person."""

    matter: str
    whole: bool
    """False where it is on the person themselves, true where it is the organisation's."""
    until: Annotated[datetime, Meta(tz=True)] | None
    """When it is expected to end; it stands until two people lift it."""
    proposed_by: UUID
    placed_by: UUID | None


class SubjectStanding(Struct, frozen=True, kw_only=True):
    """What is held of a person, and until when."""

    subject: UUID
    erasable: bool
    """Whether nothing stands in the way; a case in law that no floor stands against is not reckoned with.

    False as well where it is no person's identifier, or an API key's that is not revoked.
    """
    holds: list[HoldStanding]
    floor_days: int
    """How long a person's record stays after its last event; 0 where there is no floor."""
    floor: Annotated[datetime, Meta(tz=True)] | None
    """Until when that is for this person; null where that time is over."""


async def get(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, GetStanding(subject=call.id))
    return reply(await stood(edge, call))


async def stood(edge: Edge, call: Call) -> SubjectStanding:
    """What is held of whom the call names, for who was found to be allowed to know."""
    organisation, subject = await _of(edge, call, call.caller.tenant), await _of(edge, call, call.id)
    found = await _against(edge, call, organisation)
    own = [_held(matter, hold, whole=False) for matter, hold in subject.holds.items() if hold.placed_by]
    wide = [_held(matter, organisation.holds[matter], whole=True) for matter in found.matters]
    held = own if call.id == call.caller.tenant else own + wide
    return SubjectStanding(
        subject=call.id,
        erasable=not (held or found.floor or found.refusal),
        holds=held,
        floor_days=organisation.floor.days,
        floor=found.floor,
    )


async def against(edge: Edge, call: Call) -> dict[str, Any]:
    """What `Request` and `Approve` are told. The worker looks again, at everything, before the key goes."""
    return {"against": await _against(edge, call, await _of(edge, call, call.caller.tenant))}


async def _against(edge: Edge, call: Call, organisation: Privacy) -> Standing:
    log = edge.logs.of(call.caller.tenant)
    found = Standing(refusal=await refusal(log, call.id))
    if found.refusal or not (organisation.holds or organisation.floor.days):
        return found
    about = list[Recorded]()
    for capability in edge.deciders:
        about += await log.history(f"{capability}/{call.id}")
    return standing(organisation, about, datetime.now(UTC))


async def _of(edge: Edge, call: Call, id: UUID) -> Privacy:
    return (await edge.logs.of(call.caller.tenant).load(f"{privacy.name}/{id}", privacy)).state


def _held(matter: str, hold: Hold, *, whole: bool) -> HoldStanding:
    return HoldStanding(
        matter=matter,
        whole=whole,
        until=hold.proposed.until,
        proposed_by=hold.proposed.by,
        placed_by=hold.placed_by,
    )


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/privacy/subjects/{id}/standing",
        operation="getStanding",
        tag="privacy",
        summary="Get what is held of a person, and until when",
        permission=GetStanding.permission,
        answer=SubjectStanding,
        serve=get,
    ),
)

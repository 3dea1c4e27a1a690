"""The funnel over HTTP: how many prospects stand where, now and day by day."""

from datetime import date

from msgspec import Struct

from api import shapes
from api.call import Call
from api.edge import Edge, reply
from api.inbound import Reply
from api.queries import WAITS
from api.route import Route
from projections.funnel import By, Counts, Daily


class Group(Struct, frozen=True, kw_only=True):
    group: dict[str, str]
    """The value of each column that was grouped by."""
    count: int


class DailyGroup(Group, frozen=True, kw_only=True):
    day: date
    change: int
    """`count` is what it came to at the end of that day (UTC)."""


class Groups(Struct, frozen=True):
    items: list[Group]


class Changes(Struct, frozen=True):
    items: list[DailyGroup]


_Counts = shapes.parameters(Counts, "FunnelQuery", by=By)
_Daily = shapes.parameters(Daily, "FunnelDailyQuery", by=By)


async def counts(edge: Edge, call: Call) -> Reply:
    query = Counts(**shapes.given(shapes.from_url(call.query, _Counts)))
    found = await edge.pipeline.ask(call.caller, query, call.at_least)
    return reply(
        Groups([Group(group=dict(zip(query.by, each.group, strict=True)), count=each.count) for each in found])
    )


async def daily(edge: Edge, call: Call) -> Reply:
    query = Daily(**shapes.given(shapes.from_url(call.query, _Daily)))
    found = await edge.pipeline.ask(call.caller, query, call.at_least)
    items = [
        DailyGroup(
            group=dict(zip(query.by, each.group, strict=True)), count=each.count, day=each.day, change=each.change
        )
        for each in found
    ]
    return reply(Changes(items))


ROUTES = (
    Route(
        method="GET",
        path="/v1/funnel",
        operation="getFunnel",
        tag="funnel",
        summary="Count prospects by stage, industry or both",
        description="At the end of a day, or now if none is named.",
        permission=Counts.permission,
        parameters=_Counts,
        answer=Groups,
        problems=("query.unknown-field",),
        headers=WAITS,
        serve=counts,
    ),
    Route(
        method="GET",
        path="/v1/funnel/daily",
        operation="getFunnelDaily",
        tag="funnel",
        summary="Follow the funnel day by day",
        description="The days on which a group's count changed, both ends included.",
        permission=Daily.permission,
        parameters=_Daily,
        answer=Changes,
        problems=("query.unknown-field",),
        headers=WAITS,
        serve=daily,
    ),
)

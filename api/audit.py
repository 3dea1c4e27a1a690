"""The trail over HTTP: who did or was refused what, and what it changed."""

import asyncio
from typing import Any

from msgspec import UNSET, Struct, UnsetType, defstruct

from api import shapes
from api.call import Call
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Presenter, Sight, plain
from api.problems import Problem
from api.queries import WAITS, Listing, listed, one
from api.route import Route
from domain.kernel import Erased, Recorded, Sealed
from projections.audit import HIDDEN, Causes, Change, Effects, Entry, Event, Trail, changes

AuditEntry = defstruct(
    "AuditEntry",
    [("fact", dict[str, Any] | UnsetType, UNSET)],
    bases=(shapes.answer(Entry, "AuditEntry"),),
    kw_only=True,
    module=__name__,
)
"""`fact` stands in a list that was asked for with `facts`."""
SEES = "audit.read-circumstances"
"""What shows addresses, sessions, user agents and reasons."""
_presenter = Presenter(Entry, SEES)
PERSONAL = "prospects.read-personal"
NEEDS = dict.fromkeys(HIDDEN, _presenter.permission) | {"about": PERSONAL}
"""What filters by what is about persons need, beside the permission to read the trail."""
_LOOKED = frozenset({"audit", "exports", "searches"})
"""Capabilities whose facts seal what somebody looked for: names, and addresses, sessions and reasons as well."""


class FieldChange(Struct, frozen=True, kw_only=True):
    field: str
    before: Any
    after: Any
    withheld: bool
    """It is about a person, and the caller may not see it."""


class AuditEvent(Struct, frozen=True, kw_only=True):
    entry: AuditEntry  # type: ignore[valid-type]  # a type made at run time
    fact: dict[str, Any]
    """What was recorded; what is about a person is null where the caller may not see it, or where it is erased."""
    changes: list[FieldChange]
    """How the stream's state changed; empty where the fact changes nothing but the count of facts."""


class AuditChain(Struct, frozen=True, kw_only=True):
    items: list[AuditEntry]  # type: ignore[valid-type]  # a type made at run time
    """In the order of the log, without the event that was asked about."""
    whole: bool
    """False where more than 200 belong to it: these are the nearest, and to go on, ask about one of them."""


async def get(edge: Edge, call: Call) -> Reply:
    position = int(call.path["position"])
    if position > shapes.LARGEST:
        raise Problem("audit.unknown")
    entry = await one(edge, call, Event(position=position), _presenter, "audit.unknown")
    fact, changed = await _what_changed(edge, call, position)
    return reply({"entry": entry, "fact": fact, "changes": changed})


async def facts(edge: Edge, call: Call, query: Trail, rows: list[Entry], items: list[dict[str, Any]]) -> None:
    """What was recorded, beside each entry; what is about persons for who may see it, which is on record then."""
    if not (query.facts and rows):
        return
    log = edge.logs.of(call.caller.tenant)
    found = await asyncio.gather(*(log.tail(each.position - 1, 1) for each in rows))
    may = [await _may(edge, call, recorded) for [recorded] in found]
    sealed = tuple(recorded.fact for [recorded], opens in zip(found, may, strict=True) if opens)
    shown = iter(await log.opened(sealed))
    if sealed:
        values = ((name, getattr(fact, name)) for fact in sealed for name in fact.__struct_fields__)
        await edge.eyes.note(call.caller, Sight(query, PERSONAL, HIDDEN), len(sealed), values)
    for item, [recorded], opens in zip(items, found, may, strict=True):
        item["fact"] = plain(next(shown) if opens else recorded.fact, may=opens)


async def _may(edge: Edge, call: Call, recorded: Recorded) -> bool:
    """Whether the caller sees what is about persons in a fact."""
    may = await edge.eyes.may(call.caller, PERSONAL)
    return may and (recorded.capability not in _LOOKED or await edge.eyes.may(call.caller, SEES))


async def causes(edge: Edge, call: Call) -> Reply:
    return await _chain(edge, call, Causes)


async def effects(edge: Edge, call: Call) -> Reply:
    return await _chain(edge, call, Effects)


async def _chain(edge: Edge, call: Call, kind: type[Causes | Effects]) -> Reply:
    position = int(call.path["position"])
    query = kind(position=position)
    chain = position <= shapes.LARGEST and await edge.pipeline.ask(call.caller, query, call.at_least)
    if not chain:
        raise Problem("audit.unknown")
    return reply({"items": await _presenter.rows(edge.eyes, call.caller, chain.entries, query), "whole": chain.whole})


async def _what_changed(edge: Edge, call: Call, position: int) -> tuple[dict[str, Any], list[FieldChange]]:
    """The fact, and what differs between its stream's states before and after it."""
    log = edge.logs.of(call.caller.tenant)
    [recorded] = await log.tail(position - 1, 1)
    may = await _may(edge, call, recorded)
    fact = await log.opened(recorded.fact) if may else recorded.fact
    found = changes(*await _states(edge, call, recorded))
    if may:
        opened = await log.opened(tuple((each.before, each.after) for each in found))
        sealed = [(name, getattr(recorded.fact, name)) for name in recorded.fact.__struct_fields__]
        sealed += [(each.field, value) for each in found for value in (each.before, each.after)]
        await edge.eyes.note(call.caller, Sight(Event(position=position), PERSONAL), 1, sealed)
        found = [Change(each.field, *values) for each, values in zip(found, opened, strict=True)]
    return plain(fact, may=may), [_shown(each, may=may) for each in found]


async def _states(edge: Edge, call: Call, recorded: Recorded) -> tuple[Any, Any]:
    if (decider := edge.deciders.get(recorded.capability)) is None:
        return None, None
    history = await edge.logs.of(call.caller.tenant).history(recorded.stream, recorded.version)
    before = decider.fold(each.fact for each in history[:-1])
    return before, decider.evolve(before, history[-1].fact)


def _shown(change: Change, *, may: bool) -> FieldChange:
    sealed = any(isinstance(each, Sealed) for each in (change.before, change.after))
    return FieldChange(
        field=change.field,
        before=plain(change.before, may=may),
        after=plain(change.after, may=may),
        withheld=sealed or (not may and any(isinstance(each, Erased) for each in (change.before, change.after))),
    )


TRAIL = Listing(
    query=Trail,
    presenter=_presenter,
    row=AuditEntry,
    path="/v1/audit",
    tag="audit",
    operation="AuditEntries",
    summary="Search the trail, newest first",
    personal=HIDDEN,
    needs={"about": PERSONAL},
    further=facts,
)
ROUTES: tuple[Route, ...] = (
    *listed(TRAIL),
    Route(
        method="GET",
        path="/v1/audit/{position}",
        operation="getAuditEvent",
        tag="audit",
        summary="Get an event with what it changed",
        permission=Event.permission,
        answer=AuditEvent,
        problems=("audit.unknown",),
        headers=WAITS,
        serve=get,
    ),
    *(
        Route(
            method="GET",
            path=f"/v1/audit/{{position}}/{name}",
            operation=operation,
            tag="audit",
            summary=summary,
            permission=query.permission,
            answer=AuditChain,
            problems=("audit.unknown",),
            headers=WAITS,
            serve=serve,
        )
        for name, operation, summary, query, serve in (
            ("causes", "getAuditCauses", "Follow an event back to what led to it", Causes, causes),
            ("effects", "getAuditEffects", "Follow an event to all that it led to", Effects, effects),
        )
    ),
)

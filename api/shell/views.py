"""Read models: how far they are behind, and what they could not apply."""

import asyncio
from uuid import UUID

import msgspec
from cyclopts import App

from api import bootstrap
from api.shell import Json, Limit, Told, ask, say

views = App("views")


@views.default
def lag(tenant: UUID, *, json: Json = False) -> None:
    """How far each read model of an organisation is behind its log.

    Args:
        tenant: The organisation.
        json: Answer with one JSON object.
    """
    found = ask(lambda product: product.reads.of(tenant).lag(), tenant)
    lines = [f"{each.view:<16} {each.positions:>8} behind  {each.parked} parked" for each in found]
    say(msgspec.to_builtins(found), "\n".join(lines) or "Nothing yet.", json=json)


@views.command
def parked(tenant: UUID, *, limit: Limit = 100, json: Json = False) -> None:
    """The events that a read model could not apply, and those that wait behind them.

    They are tried again when a worker takes up the organisation, as one of a new release does. Nothing else waits.

    Args:
        tenant: The organisation.
        limit: At most so many, 1 to 200.
        json: Answer with one JSON object.
    """
    found = ask(
        lambda product: asyncio.to_thread(bootstrap.store(product, tenant).parked, limit),
        tenant,
        told=Told("views parked", {"limit": limit}),
    )
    form = "{0.view:<16} {1.position:>8}  {1.type:<28} {1.why}"
    lines = [form.format(each, each.event) for each in found]
    told = [
        {
            "view": each.view,
            "position": each.event.position,
            "type": each.event.type,
            "why": each.event.why,
            "behind": each.event.behind,
            "since": each.since,
        }
        for each in found
    ]
    say(told, "\n".join(lines) or "Nothing.", json=json)

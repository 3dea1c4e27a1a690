"""Read models: how far they are behind, and what they could not apply."""

import asyncio
from uuid import UUID

import msgspec
from cyclopts import App

from api import bootstrap
from api.bootstrap import Product
from api.settings import Unset
from api.shell import Json, Limit, Told, ask, say
from projections.builds import Difference, Spoilt, Unread

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


@views.command
def rebuild(tenant: UUID, *names: str, json: Json = False) -> None:
    """Build read models anew beside those that are read, compare their rows, and let readers read the new ones.

    Readers and appends go on meanwhile. Cut short, the same command goes on with it. The organisation's other read
    models, and all of other organisations', are left alone.

    Args:
        tenant: The organisation.
        names: Which read models, as `everlog views` lists them; all of them if none is named.
        json: Answer with one JSON object.
    """

    async def work(product: Product) -> dict[str, list[Difference] | None]:
        return await asyncio.to_thread(bootstrap.renewed, product, tenant, names)

    try:
        found = ask(work, tenant, worker=True, told=Told("views rebuild", {"views": ", ".join(names)}))
    except Unread as missing:
        raise Unset(f"There is no read model {missing} that is read: `everlog views {tenant}` lists them.") from None
    except Spoilt as spoilt:
        raise Unset(f"The new {spoilt} is not what the log makes of it either: somebody writes to it.") from None
    wrong = {view: None if some is None else list(map(_told, some)) for view, some in found.items()}
    lines = [f"{view}  {each['key']}  {each['what']}" for view, some in wrong.items() for each in some or ()]
    lines += [f"{view} is built anew. {_said(some)}" for view, some in wrong.items()]
    say({"wrong": wrong}, "\n".join(lines), json=json)


def _told(found: Difference) -> dict[str, str]:
    """Never the row itself, which may hold what is about a person."""
    what = "was missing" if found.live is None else "was too many" if found.rebuilt is None else "was another"
    return {"key": str(found.key), "what": what}


def _said(wrong: list[dict[str, str]] | None) -> str:
    return "A worker was first: its log tells what was wrong." if wrong is None else f"{len(wrong)} rows were wrong."

"""Queries over HTTP, written once: lists with filters, cursors and fields, and single things with their ETag."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, defstruct

from api import shapes
from api.call import Call
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Presenter
from api.problems import Problem
from api.route import Route

WAITS = ("Everlog-Min-Position",)
LIMIT = Annotated[int, Meta(ge=1, le=200, description="How many at most.")]
CURSOR = Annotated[
    str,
    Meta(
        max_length=2000, pattern=r"^[!-~]*$", description="Goes on from where another answer to the same query ended."
    ),
]
_QUERY = (
    "query.unknown-field",
    "query.personal-field",
    "query.not-filterable",
    "query.not-sortable",
    "query.wrong-type",
    "query.words",
)


Further = Callable[[Edge, Call, Any, list[Any], list[dict[str, Any]]], Awaitable[None]]
"""Gets the query, the rows, and the rows as they are answered."""


class Listing(Struct, frozen=True, kw_only=True):
    """A list and what it is made of."""

    query: Any
    presenter: Presenter
    row: type[Struct]
    """As answered."""
    path: str
    tag: str
    operation: str
    summary: str
    personal: tuple[str, ...] = ()
    """Filters by what is about a person: they are asked for in a body, never in a URL, under the rows' permission."""
    needs: dict[str, str] = {}
    """Those of them that are under another permission."""
    types: dict[str, Any] = {}
    further: Further | None = None
    """Adds to the rows as they are answered what no view holds."""


def listed(listing: Listing) -> list[Route]:
    """`GET path`, and `POST path/find` with the personal filters where there are any."""
    types = {"limit": LIMIT, "cursor": CURSOR, **listing.types}
    plain = shapes.parameters(listing.query, f"{listing.row.__name__}Query", listing.personal, **types)
    page = defstruct(
        f"{listing.row.__name__}Page",
        [
            ("items", list[listing.row]),  # type: ignore[name-defined]  # a type made at run time
            ("cursor", Annotated[str | None, Meta(description="For the next page; null on the last one.")]),
        ],
        module=__name__,
    )

    async def get(edge: Edge, call: Call) -> Reply:
        return await _page(listing, edge, call, shapes.from_url(call.query, plain))

    shared = {
        "tag": listing.tag,
        "permission": listing.query.permission,
        "answer": page,
        "problems": (*_QUERY, "query.limit", "query.cursor"),
        "headers": WAITS,
    }
    routes = [
        Route(
            method="GET",
            path=listing.path,
            operation=f"list{listing.operation}",
            summary=listing.summary,
            parameters=plain,
            serve=get,
            **shared,
        )
    ]
    if listing.personal:
        routes.append(_find(listing, types, shared))
    return routes


def _find(listing: Listing, types: dict[str, Any], shared: dict[str, Any]) -> Route:
    whole = shapes.parameters(listing.query, f"{listing.row.__name__}Search", **types)
    read = shapes.decoder(whole)

    async def find(edge: Edge, call: Call) -> Reply:
        asked = read(call.body)
        needs = dict.fromkeys(listing.personal, listing.presenter.permission) | listing.needs
        await permit(edge, call, listing.query, asked, needs)
        return await _page(listing, edge, call, asked)

    return Route(
        method="POST",
        path=f"{listing.path}/find",
        operation=f"find{listing.operation}",
        summary=f"{listing.summary}, also by what is about a person",
        description=(
            f"Filters by {', '.join(f'`{name}`' for name in listing.personal)} too, by exact values or whole words. "
            "They are sent in the body, since a URL ends up in logs, and need "
            f"`{listing.presenter.permission}`{_further(listing)}."
        ),
        body=whole,
        serve=find,
        **shared,
    )


async def permit(edge: Edge, call: Call, query: Any, asked: Struct, needs: dict[str, str]) -> None:
    """Check the permissions that the given filters need beside the query's own. Raises `Rejected`."""
    given = [needs[name] for name in asked.__struct_fields__ if name in needs and getattr(asked, name) is not UNSET]
    for permission in dict.fromkeys(given):
        await edge.pipeline.authorise(call.caller, query, permission=permission)


def _further(listing: Listing) -> str:
    return "".join(f", `{name}` needs `{permission}`" for name, permission in listing.needs.items())


async def _page(listing: Listing, edge: Edge, call: Call, asked: Struct) -> Reply:
    return await answered(listing, edge, call, listing.query(**shapes.given(asked)))


async def answered(listing: Listing, edge: Edge, call: Call, query: Any) -> Reply:
    """A page of a list, as it is on record from then on."""
    page = await edge.pipeline.ask(call.caller, query, call.at_least)
    items = await listing.presenter.rows(edge.eyes, call.caller, page.rows, query, listing.personal)
    if listing.further:
        await listing.further(edge, call, query, page.rows, items)
    return reply({"items": items, "cursor": page.cursor or None})


async def one(edge: Edge, call: Call, query: Any, presenter: Presenter, unknown: str) -> dict[str, Any]:
    """A single row as it is answered. Raises `Problem` with the code `unknown`."""
    row = await edge.pipeline.ask(call.caller, query, call.at_least)
    if row is None:
        raise Problem(unknown)
    return await presenter.one(edge.eyes, call.caller, row, query)

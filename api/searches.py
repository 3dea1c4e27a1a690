"""Saved searches of the trail, over HTTP: kept for oneself or shared, and asked again."""

from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from msgspec import Meta, Struct, defstruct
from msgspec.structs import replace

from api import shapes
from api.audit import NEEDS, SEES, TRAIL, AuditEntry
from api.call import Call
from api.commands import single
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Sight
from api.problems import Problem
from api.queries import CURSOR, LIMIT, WAITS, answered, permit
from api.route import Route
from application.searches import DropSearch, SaveSearch, ShareSearch, UnshareSearch
from domain.audit import SEALED, UNKEPT, whole
from domain.searches import searches
from projections.audit import HIDDEN, Trail
from projections.searches import YES, List, Run, SearchRow

_ONE = "/v1/searches/{id}"
_FILTER = shapes.parameters(Trail, "SavedFilter", (*UNKEPT, "limit", "cursor"))
_Shown = shapes.parameters(List, "SearchesQuery", ("by",), limit=LIMIT, cursor=CURSOR)
_Page = shapes.parameters(
    Trail, "SearchRunQuery", set(Trail.__struct_fields__) - {"limit", "cursor"}, limit=LIMIT, cursor=CURSOR
)
_Entries = defstruct("SearchEntries", [("items", list[AuditEntry]), ("cursor", str | None)], module=__name__)  # type: ignore[valid-type]  # a type made at run time


class SavedSearch(Struct, frozen=True, kw_only=True):
    id: UUID
    by: UUID
    """Who saved it: a member, or a key that is no member's."""
    mine: bool
    shared: bool
    name: str
    filter: dict[str, str]
    withheld: list[str]
    """Filters by what is about a person, whose values the caller may not see."""
    erased: list[str]
    """Filters whose values are gone, since whoever saved them was erased: the search can no more be asked."""
    saved_at: Annotated[datetime, Meta(tz=True)]
    changed_at: Annotated[datetime, Meta(tz=True)]


class SavedSearches(Struct, frozen=True, kw_only=True):
    items: list[SavedSearch]
    cursor: str | None


def _saving() -> Route:
    """The command's own endpoint, which looks at the filter first: what is kept can be asked."""
    route = single(
        SaveSearch,
        "/v1/searches",
        "saveSearch",
        "Save a search of the trail",
        description=(
            "It is one's own until it is shared. Saved again under its identifier, it is changed. Filters by what is "
            "about a person need what they need at `/v1/audit/find`; `about` is not kept, since it would outlive that "
            "person's erasure: save `subject`."
        ),
    )
    read = shapes.decoder(route.body)

    async def save(edge: Edge, call: Call) -> Reply:
        await edge.pipeline.authorise(call.caller, SaveSearch)
        await _asked(edge, call, read(call.body).filter)
        return await route.serve(edge, call)

    return replace(route, serve=save)


async def _asked(edge: Edge, call: Call, kept: dict[str, str]) -> dict[str, Any]:
    """A saved filter as a query has it. Raises `Problem` where no query does, `Rejected` for want of what it needs."""
    asked: Struct = shapes.from_url(urlencode(kept).encode(), _FILTER)
    await permit(edge, call, Trail, asked, NEEDS)
    return shapes.given(asked)


async def shown(edge: Edge, call: Call) -> Reply:
    given = shapes.given(shapes.from_url(call.query, _Shown))
    me = _me(call)
    query = List(by=me, **given)
    page = await edge.pipeline.ask(call.caller, query, call.at_least)
    opened = await edge.eyes.read(call.caller, page.rows, ("sought",))
    sees = await edge.eyes.may(call.caller, SEES)
    rows = [replace(each, **found) if found else each for each, found in zip(page.rows, opened, strict=True)]
    items = [_item(each, me, sees=sees) for each in rows]
    # Of most nothing is shown that is sealed.
    words = [("filter", row.sought) for row, item in zip(page.rows, items, strict=True) if SEALED & item.filter.keys()]
    await edge.eyes.note(call.caller, Sight(query, query.permission, listed=True), len(rows), words)
    return reply(SavedSearches(items=items, cursor=page.cursor or None))


def _item(row: SearchRow, me: UUID, *, sees: bool) -> SavedSearch:
    """Of a row with its words opened."""
    known, lacking = whole(row.filter, row.sought)
    withheld = [] if sees else [name for name in known if name in HIDDEN]
    return SavedSearch(
        id=row.id,
        by=row.by,
        mine=row.by == me,
        shared=row.shared == YES,
        name=row.name,
        filter={name: value for name, value in known.items() if name not in withheld},
        withheld=withheld,
        erased=lacking,
        saved_at=row.saved_at,
        changed_at=row.changed_at,
    )


async def run(edge: Edge, call: Call) -> Reply:
    given = shapes.given(shapes.from_url(call.query, _Page))
    stream = f"{searches.name}/{call.id}"
    await edge.pipeline.authorise(call.caller, Run(id=call.id), stream)
    log = edge.logs.of(call.caller.tenant)
    search = searches.fold(each.fact for each in await log.history(stream))
    if search.saved is None or not search.shows(_me(call)):
        raise Problem("searches.unknown")
    saved = await log.opened(search.saved)
    known, lacking = whole(saved.filter, saved.sought)
    if lacking:
        # Without them it would find what nobody looked for.
        raise Problem("searches.erased")
    return await answered(TRAIL, edge, call, Trail(**await _asked(edge, call, known), **given))


def _me(call: Call) -> UUID:
    """Whose searches they are, as the command's owner is told."""
    return call.caller.who


ROUTES = (
    _saving(),
    Route(
        method="GET",
        path="/v1/searches",
        operation="listSearches",
        tag="searches",
        summary="List saved searches: one's own, or those that are shared",
        permission=List.permission,
        parameters=_Shown,
        answer=SavedSearches,
        problems=("query.limit", "query.cursor"),
        headers=WAITS,
        serve=shown,
    ),
    Route(
        method="GET",
        path=f"{_ONE}/entries",
        operation="runSearch",
        tag="searches",
        summary="Ask a saved search of the trail, newest first",
        permission=Run.permission,
        parameters=_Page,
        answer=_Entries,
        problems=(
            "searches.unknown",
            "searches.erased",
            "query.wrong-type",
            "query.words",
            "query.limit",
            "query.cursor",
        ),
        headers=WAITS,
        serve=run,
    ),
    single(ShareSearch, f"{_ONE}/share", "shareSearch", "Share a search with whoever may read the trail"),
    single(UnshareSearch, f"{_ONE}/withdrawal", "withdrawSearch", "Take a shared search back"),
    single(DropSearch, f"{_ONE}/removal", "dropSearch", "Drop a saved search"),
)

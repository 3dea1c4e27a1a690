"""One tenant's read models as queries see them: rows by key, pages, counts, and how far they are."""

import asyncio
from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from functools import cache, lru_cache
from time import monotonic
from typing import Any, Protocol, TypeVar
from uuid import UUID

from msgspec import Struct, defstruct

from adapters.postgres import questions, spoken, statements, tallies
from adapters.postgres.cursors import Cursors
from adapters.postgres.database import Database
from adapters.postgres.database import Row as Values
from adapters.postgres.questions import LIMIT, Asked, Shape
from adapters.postgres.tables import Stored, guarded, table
from application.ports import Unanswered
from domain.kernel import Refused
from projections.builds import Slot
from projections.kernel import Aggregate, Count, Day, Is, Lag, Page, Per, Tally, View, Wanted

R = TypeVar("R", bound=Struct)
Live = dict[tuple[str, int], tuple[Slot, int]]
"""The slot that is read, and the generation of the log that it follows, by view and version."""

_PATIENCE = 2.0
_POLL = 0.02
_SLOWEST = 0.25
_TENANTS = 10_000


class Words(Protocol):
    """One tenant's tokens, as queries need them."""

    def token(self, scope: str, value: str) -> bytes: ...


class Ear(Protocol):
    """Where one waits for news of a tenant's views."""

    async def heard(self, seconds: float) -> object: ...


class ReadModels:
    """The read models of all tenants, one at a time.

    `secret` binds cursors and is the same in all processes of the API. With `ears`, whoever waits for a position is
    woken by the news that views have moved; `poll` is how often, in seconds, they look by themselves all the same
    (None: never, while they have an ear).
    """

    def __init__(
        self,
        database: Database,
        models: Iterable[View[Any] | Aggregate[Any]],
        secret: bytes,
        tokens: Callable[[UUID], Words],
        ears: Callable[[UUID], AbstractContextManager[Ear]] | None = None,
        poll: float | None = _SLOWEST,
    ) -> None:
        self.database = database
        self.cursors = Cursors(secret)
        self.tokens = tokens
        self.ears = ears
        self.poll = poll
        models = list(models)
        self.views = {(each.name, each.version) for each in models if isinstance(each, View)}
        self.views |= {(each.of.name, each.of.version) for each in models if isinstance(each, Aggregate)}
        self.live: dict[UUID, Live] = {}

    def of(self, tenant: UUID) -> "TenantReads":
        return TenantReads(tenant, self)

    async def look(self, tenant: UUID) -> Live:
        """Which slots are live now."""
        rows = await self.database.fetch(tenant, questions.POINTERS, [tenant])
        if len(self.live) >= _TENANTS:
            self.live.clear()
        self.live[tenant] = live = {(view, version): (slot, generation) for view, version, slot, generation in rows}
        return live


class TenantReads:
    """`projections.kernel.Reads`. A view that was never ready for the tenant is `Unanswered`."""

    def __init__(self, tenant: UUID, models: ReadModels) -> None:
        self.tenant = tenant
        self._models = models

    async def one(self, view: View[R], key: Hashable) -> R | None:
        fit = questions.typed(table(view).columns[0], key)
        rows, _ = await self._fetch(view, lambda slot: questions.one(table(view, slot), slot), {"key": fit})
        row: R | None = _reader(view)(rows[0]) if rows else None
        return row

    async def page(
        self,
        view: View[R],
        where: Iterable[Wanted] = (),
        *,
        sort: str = "",
        limit: int = 50,
        cursor: str = "",
        fields: tuple[str, ...] = (),
    ) -> Page[R]:
        stored, where = table(view), tuple(where)
        if not 1 <= limit <= LIMIT:
            raise Refused("query.limit", most=LIMIT)
        order = questions.sorting(stored, sort)
        asked = questions.asked(stored, where)
        read, names = _part(view, tuple(sorted({view.key, *fields})) if fields else ())
        question = (view.name, view.version, where, sort)
        values = asked.values | {"limit": limit + 1}
        values |= await self._tokens(asked)
        _, bound = await self._live(view)
        if cursor:
            place: Any = tuple.__class_getitem__((order.column.hint, stored.columns[0].hint))
            values["place"], values["key"] = self._models.cursors.read(self.tenant, bound, question, cursor, place)
        ends = (order.column.name, view.key)
        shape = Shape(asked.conditions, ends[0], order.descending, bool(cursor), (*names, *ends), tuple(asked.words))
        rows, generation = await self._fetch(view, lambda slot: questions.page(table(view, slot), slot, shape), values)
        if cursor and generation != bound:
            raise Refused("query.cursor")
        found: list[R] = [read(row[: len(names)]) for row in rows[:limit]]
        if len(rows) <= limit:
            return Page(found)
        return Page(found, self._models.cursors.write(self.tenant, generation, question, rows[limit - 1][-2:]))

    async def _tokens(self, asked: Asked) -> dict[str, bytes]:
        """What is looked for instead of personal values, and for words."""
        tokens = self._models.tokens(self.tenant)
        found = {name: spoken.plain(word) for name, (scope, word) in asked.words.items() if not scope}
        for name, (scope, word) in asked.words.items():
            if scope:
                found[name] = await asyncio.to_thread(spoken.hidden, tokens, scope, word)
        for name, (scope, value) in asked.hidden.items():
            found[name] = await asyncio.to_thread(tokens.token, scope, value)
        return found

    async def counts(self, aggregate: Aggregate[Any], by: tuple[str, ...] = (), at: date | None = None) -> list[Count]:
        _check(aggregate, by)
        rows, _ = await self._fetch(
            aggregate.of,
            lambda slot: questions.counts(aggregate, slot, by, dated=at is not None),
            {"at": at} if at else {},
        )
        return [Count(row[:-1], row[-1]) for row in rows] if rows or by else [Count((), 0)]

    async def daily(
        self,
        aggregate: Aggregate[Any],
        by: tuple[str, ...] = (),
        since: date | None = None,
        until: date | None = None,
    ) -> list[Day]:
        _check(aggregate, by)
        rows, _ = await self._fetch(
            aggregate.of,
            lambda slot: questions.daily(aggregate, slot, by, dated=until is not None, since=since is not None),
            ({"at": until} if until else {}) | ({"since": since} if since else {}),
        )
        return [Day(row[0], row[1:-2], row[-2], row[-1]) for row in rows]

    async def changed(
        self,
        aggregate: Aggregate[Any],
        by: tuple[str, ...] = (),
        where: Iterable[Is] = (),
        since: date | None = None,
        until: date | None = None,
    ) -> list[Count]:
        given = {each.column: each.value for each in where}
        _check(aggregate, (*given, *(each for each in by if each != "day")))
        days = tallies.days(since, until)
        rows, _ = await self._fetch(
            aggregate.of,
            lambda slot: tallies.changed(
                aggregate, slot, by, tuple(given), since="since" in days, until="until" in days
            ),
            {f"g_{name}": value for name, value in given.items()} | days,
        )
        return [Count(row[:-1], row[-1]) for row in rows]

    async def tally(
        self,
        view: View[Any],
        by: tuple[str, ...],
        where: Iterable[Wanted] = (),
        *,
        most: int,
        per: Per | None = None,
        top: int | None = None,
    ) -> Tally:
        stored = table(view)
        asked = questions.asked(stored, where)
        order = view.key if asked.words or not view.sorts else view.sorts[0]
        shape = tallies.Tallied(asked.conditions, tuple(asked.words), order, by, per, top)
        made = tallies.timeline if per else tallies.tally
        values = asked.values | {"most": most} | await self._tokens(asked)
        rows, _ = await self._fetch(view, lambda slot: made(table(view, slot), slot, shape), values)
        return tallies.told(rows, shape, most)

    async def reached(
        self, position: int, seconds: float, generation: int | None = None, views: Iterable[View[Any]] = ()
    ) -> bool:
        wanted = {(each.name, each.version) for each in views} or self._models.views
        until = monotonic() + seconds
        ears = self._models.ears
        with ears(self.tenant) if ears else nullcontext() as ear:
            pause = _POLL
            while not (hold := await self._hold(wanted, position, generation)):
                left = until - monotonic()
                if hold is False or left <= 0:
                    return False
                pause = min(pause * 2, _SLOWEST)
                poll = self._models.poll
                if ear:
                    await ear.heard(left if poll is None else min(left, poll))
                else:
                    await asyncio.sleep(min(left, pause))
        return True

    async def lag(self) -> list[Lag]:
        rows = await self._models.database.fetch(self.tenant, statements.LAG, [self.tenant])
        return [Lag(*row) for row in rows if row[:2] in self._models.views]

    async def _hold(self, wanted: set[tuple[str, int]], position: int, generation: int | None) -> bool | None:
        """Whether all views hold everything up to a position: None for not yet, False for never."""
        rows = await self._models.database.fetch(self.tenant, questions.PLACES, [self.tenant])
        places = {(view, version): (log, place) for view, version, log, place in rows}
        if generation is not None and any(places.get(each, (0, 0))[0] > generation for each in wanted):
            return False
        least = (generation or 0, position)
        reached = all(
            place >= position and log >= least[0] for log, place in (places.get(each, (0, -1)) for each in wanted)
        )
        return reached or None

    async def _fetch(
        self, view: View[Any], sql: Callable[[Slot], str], values: dict[str, Any]
    ) -> tuple[list[Values], int]:
        """Rows of the live slot, and its generation.

        No row may also mean that the pointer has moved since it was last looked at.
        """
        live = await self._live(view)
        while True:
            slot, generation = live
            parameters = values | {"tenant": self.tenant, "generation": generation}
            rows = await self._models.database.fetch(self.tenant, sql(slot), parameters)
            if rows:
                return rows, generation
            before, live = live, await self._live(view, again=True)
            if live == before:
                return rows, generation

    async def _live(self, view: View[Any], *, again: bool = False) -> tuple[Slot, int]:
        """The slot to read and its generation. Raises `Unanswered` where the view is not ready for the tenant."""
        key = (view.name, view.version)
        live = {} if again else self._models.live.get(self.tenant, {})
        until = monotonic() + _PATIENCE
        while key not in live:
            live = await self._models.look(self.tenant)
            if key not in live:
                if monotonic() > until:
                    raise Unanswered
                await asyncio.sleep(_POLL)
        return live[key]


@cache
def _reader(view: View[Any]) -> Callable[[Values], Any]:
    columns = table(view).columns
    return guarded(view, view.row, columns, [each.name for each in columns])


@lru_cache(256)
def _part(view: View[Any], fields: tuple[str, ...]) -> tuple[Callable[[Values], Any], tuple[str, ...]]:
    """What makes rows of these fields, and the columns it needs; of all where none is named."""
    stored: Stored = table(view)
    if not fields:
        return _reader(view), tuple(each.name for each in stored.columns)
    named = {questions.known(stored, each).name for each in fields}
    columns = [each for each in stored.columns if each.name in named]
    made = defstruct(view.row.__name__, [(each.name, each.hint) for each in columns], frozen=True)
    home = view.home.columns if view.home and any(each.personal for each in columns) else ()
    names = tuple(dict.fromkeys([*(each.name for each in columns), *home]))
    return guarded(view, made, columns, names), names


def _check(aggregate: Aggregate[Any], by: tuple[str, ...]) -> None:
    names = [name for name, _ in aggregate.columns]
    for each in by:
        if each not in names:
            raise Refused("query.unknown-field", field=each)

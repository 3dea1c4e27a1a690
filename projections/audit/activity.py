"""How much happened: counted by what entries are, and over time."""

from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct

from projections.audit.entry import Entry, audit
from projections.audit.trail import Filter
from projections.kernel import Aggregate, Count, Is, Per, Reads

FACETS = ("actor_kind", "type", "capability", "outcome", "permission", "model")
MOST = 200_000
"""Entries that are counted one by one; what needs more is told from the newest of them."""


def group(row: Entry) -> tuple[str, ...]:
    return row.actor_kind, row.type, row.capability, row.outcome, row.permission, row.model or ""


activity = Aggregate("activity", 1, audit, tuple((name, str) for name in FACETS), group)


class Value(Struct, frozen=True):
    value: str
    count: int


class Facet(Struct, frozen=True):
    name: str
    values: list[Value]
    """The most frequent first."""


class Faceted(Struct, frozen=True):
    total: int
    whole: bool
    """False where more match than are counted one by one: these are the newest."""
    facets: list[Facet]


class Point(Struct, frozen=True):
    at: datetime
    """When the hour or the day (UTC) begins; those without an entry are left out."""
    count: int


class Timeline(Struct, frozen=True):
    total: int
    whole: bool
    """False where more match than are counted one by one: these are the newest."""
    points: list[Point]


class Facets(Filter, frozen=True, kw_only=True):
    """How many entries there are of each kind, for a filter.

    Where the filter is of what is counted, over whole days, the sums that are kept with the view answer.
    """

    async def answer(self, reads: Reads) -> Faceted:
        if (days := _days(self)) and (kept := _kept(self)) is not None:
            counts = await reads.changed(activity, FACETS, kept, *days)
            return _faceted(sum(each.count for each in counts), _each(counts), whole=True)
        tally = await reads.tally(audit, FACETS, self.where(), most=MOST)
        return _faceted(tally.total, tally.counts, whole=tally.whole)


class Over(Filter, frozen=True, kw_only=True):
    """How many entries there are in each hour or day."""

    per: Per = "day"

    async def answer(self, reads: Reads) -> Timeline:
        if self.per == "day" and (days := _days(self)) and (kept := _kept(self)) is not None:
            counts = await reads.changed(activity, ("day",), kept, *days)
            points = [Point(_midnight(each.group[0]), each.count) for each in counts]
            return Timeline(sum(each.count for each in points), whole=True, points=points)
        tally = await reads.tally(audit, ("at",), self.where(), most=MOST, per=self.per)
        return Timeline(tally.total, tally.whole, [Point(each.group[0], each.count) for each in tally.counts])


def _kept(asked: Filter) -> list[Is] | None:
    """The filter, if all of it is of what is summed up."""
    where = [each for each in asked.where() if getattr(each, "column", "") not in ("at", "position")]
    kept = [each for each in where if isinstance(each, Is) and each.column in FACETS]
    limited = asked.position_least is not None or asked.position_below is not None
    return None if limited or len(kept) < len(where) else kept


def _days(asked: Filter) -> tuple[date | None, date | None] | None:
    """The first and the last day (UTC) that are asked about, if they are asked about as a whole."""
    ends = [each.astimezone(UTC) for each in (asked.since, asked.before) if each is not None]
    if any(each.timetz().replace(tzinfo=None) != time.min for each in ends):
        return None
    since = asked.since.astimezone(UTC).date() if asked.since else None
    return since, asked.before.astimezone(UTC).date() - timedelta(days=1) if asked.before else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _each(counts: list[Count]) -> list[Count]:
    """Groups of all columns taken apart."""
    sums: dict[tuple[str, str], int] = {}
    for each in counts:
        for name, value in zip(FACETS, each.group, strict=True):
            if value:
                sums[name, value] = sums.get((name, value), 0) + each.count
    return [Count(group, count) for group, count in sums.items()]


def _faceted(total: int, counts: list[Count], *, whole: bool) -> Faceted:
    values: dict[str, list[Value]] = {name: [] for name in FACETS}
    for each in sorted(counts, key=lambda each: (-each.count, each.group)):
        values[each.group[0]].append(Value(each.group[1], each.count))
    return Faceted(total, whole, [Facet(name, found) for name, found in values.items()])

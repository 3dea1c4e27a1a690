"""How much happened: counted by what entries are, and over time."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from msgspec import Struct

from projections.audit.entry import Entry, audit
from projections.audit.trail import Filter
from projections.kernel import Aggregate, Count, Is, Per, Reads

FACETS = ("actor_kind", "type", "capability", "outcome", "permission", "rule", "code", "model")
"""What comes in few values: sums of all of them together are kept."""
MOST = 200_000
"""Entries that are counted one by one; what needs more is told from the newest of them."""
TOP = 200
"""Values of a facet that are told: there are as many actors and resources as there are."""


def group(row: Entry) -> tuple[str, ...]:
    return row.actor_kind, row.type, row.capability, row.outcome, row.permission, row.rule, row.code, row.model or ""


activity = Aggregate("activity", 2, audit, tuple((name, str) for name in FACETS), group)
actors = Aggregate(
    "actors",
    1,
    audit,
    (("actor", UUID), ("actor_kind", str), ("outcome", str)),
    lambda row: (row.actor, row.actor_kind, row.outcome),
)
"""Apart, and with little else: with all of the others there would be a row for nearly each event."""
SUMS: tuple[tuple[Aggregate[Entry], tuple[str, ...]], ...] = ((activity, FACETS), (actors, ("actor",)))
"""Which facets each of them answers."""


class Value(Struct, frozen=True):
    value: str
    count: int


class Facet(Struct, frozen=True):
    name: str
    values: list[Value]
    """The most frequent first."""
    whole: bool
    """False where there are more values than these, or where they are those of the newest entries alone."""


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

    resources: bool = False
    """Whether resources are counted too: always one by one, which takes longer."""

    async def answer(self, reads: Reads) -> Faceted:
        found: dict[str, list[Count]] = {}
        total: int | None = None
        for aggregate, names in SUMS:
            if (days := _days(self)) and (kept := _kept(self, aggregate)) is not None:
                counts = await reads.changed(aggregate, names, kept, *days)
                total = sum(each.count for each in counts)
                found |= _apart(names, counts)
        facets = [_facet(name, counts, whole=True) for name, counts in found.items()]
        wanted = (*FACETS, "actor", "resource") if self.resources else (*FACETS, "actor")
        left = tuple(each for each in wanted if each not in found)
        whole = True
        if left:
            # One more tells that there are more, and nothing at all may be among the values.
            tally = await reads.tally(audit, left, self.where(), most=MOST, top=TOP + 2)
            facets += [_facet(name, _of(name, tally.counts), whole=tally.whole) for name in left]
            total, whole = (tally.total, tally.whole) if total is None else (total, True)
        return Faceted(total or 0, whole, facets)


class Over(Filter, frozen=True, kw_only=True):
    """How many entries there are in each hour or day."""

    per: Per = "day"

    async def answer(self, reads: Reads) -> Timeline:
        if self.per == "day" and (days := _days(self)) and (kept := _kept(self, activity)) is not None:
            counts = await reads.changed(activity, ("day",), kept, *days)
            points = [Point(_midnight(each.group[0]), each.count) for each in counts]
            return Timeline(sum(each.count for each in points), whole=True, points=points)
        tally = await reads.tally(audit, ("at",), self.where(), most=MOST, per=self.per)
        return Timeline(tally.total, tally.whole, [Point(each.group[0], each.count) for each in tally.counts])


def _kept(asked: Filter, aggregate: Aggregate[Entry]) -> list[Is] | None:
    """The filter, if all of it is of what is summed up."""
    columns = {name for name, _ in aggregate.columns}
    where = [each for each in asked.where() if getattr(each, "column", "") not in ("at", "position")]
    kept = [each for each in where if isinstance(each, Is) and each.column in columns]
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


def _apart(names: tuple[str, ...], counts: list[Count]) -> dict[str, list[Count]]:
    """Groups of several columns, taken apart."""
    sums = {name: Counter[str]() for name in names}
    for each in counts:
        for name, value in zip(names, each.group, strict=True):
            if value:
                sums[name][str(value)] += each.count
    return {name: [Count((value,), count) for value, count in values.items()] for name, values in sums.items()}


def _of(name: str, counts: list[Count]) -> list[Count]:
    return [Count(each.group[1:], each.count) for each in counts if each.group[0] == name]


def _facet(name: str, counts: list[Count], *, whole: bool) -> Facet:
    ranked = sorted(counts, key=lambda each: (-each.count, each.group))
    values = [Value(each.group[0], each.count) for each in ranked[:TOP]]
    return Facet(name, values, whole=whole and len(ranked) <= TOP)

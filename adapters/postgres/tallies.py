"""How many rows there are of each value, and in each hour or day: counted now, or summed up with the view."""

from collections.abc import Sequence
from datetime import date
from functools import cache, lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from adapters.postgres.questions import Condition, compiled, conditions, pointed
from adapters.postgres.tables import Stored, sums
from projections.builds import Slot
from projections.kernel import Aggregate, Count, Per, Tally


class Tallied(NamedTuple):
    """A count without its values: what is compiled once."""

    conditions: tuple[Condition, ...]
    words: tuple[str, ...]
    order: str
    """The column by which the last rows are the newest."""
    by: tuple[str, ...]
    per: Per | None = None
    top: int | None = None


@lru_cache(256)
def tally(stored: Stored, slot: Slot, shape: Tallied) -> str:
    """Each column of `by` apart, and all rows. Rows: which column, its value as text, the count.

    Parameters: tenant, most, those of the conditions and the pointer.
    """
    found = _newest(stored, slot, shape, shape.by)
    columns = [found.c[each] for each in shape.by]
    which = sa.func.grouping(*columns)
    text = sa.func.coalesce(*(sa.cast(each, sa.Text()) for each in columns))
    groups = sa.func.grouping_sets(*(sa.tuple_(each) for each in columns), sa.tuple_())
    if shape.top is None:
        return compiled(sa.select(which, text, sa.func.count()).group_by(groups))
    # By bytes: any order will do that is the same each time, and a language's takes several times as long.
    order: list[sa.ColumnElement[Any]] = [sa.func.count().desc(), sa.collate(text, "C")]
    place = sa.func.row_number().over(partition_by=which, order_by=order)
    ranked = sa.select(which.label("which"), text.label("value"), sa.func.count().label("rows"), place.label("place"))
    made = ranked.group_by(groups).subquery()
    return compiled(
        sa.select(made.c.which, made.c.value, made.c.rows).where(made.c.place <= sa.literal_column(f"{shape.top:d}"))
    )


@lru_cache(256)
def timeline(stored: Stored, slot: Slot, shape: Tallied) -> str:
    """Rows: when an hour or a day (UTC) begins, and the count. Parameters: as above."""
    [column] = shape.by
    found = _newest(stored, slot, shape, shape.by)
    made = f"date_trunc('{shape.per}', {found.c[column].name}, 'UTC')"
    begins: sa.ColumnElement[Any] = sa.literal_column(made).label("begins")
    return compiled(sa.select(begins, sa.func.count()).select_from(found).group_by(begins).order_by(begins))


def _newest(stored: Stored, slot: Slot, shape: Tallied, columns: Sequence[str]) -> sa.Subquery:
    made, order = stored.table, stored.table.c[shape.order]
    chosen = sa.select(*(made.c[each] for each in columns)).where(*conditions(stored, slot, shape))
    last = [order.desc()] if order.name == stored.view.key else [order.desc(), made.c[stored.view.key].desc()]
    return chosen.order_by(*last).limit(sa.bindparam("most")).subquery()


@cache
def changed(
    aggregate: Aggregate[Any], slot: Slot, by: tuple[str, ...], given: tuple[str, ...], *, since: bool, until: bool
) -> str:
    """By groups, or by `day` among them. Parameters: tenant, those of the pointer, the given columns', the days'."""
    made = sums(aggregate, slot)
    groups = [made.c[each] for each in by]
    total = sa.cast(sa.func.sum(made.c.change), sa.BigInteger())
    where = [made.c.tenant_id == sa.bindparam("tenant"), pointed(aggregate.of.name, aggregate.of.version, slot)]
    where += [made.c[each] == sa.bindparam(f"g_{each}") for each in given]
    where += [made.c.day >= sa.bindparam("since")] if since else []
    where += [made.c.day <= sa.bindparam("until")] if until else []
    query = sa.select(*groups, total).where(*where).group_by(*groups)
    return compiled(query.having(total != sa.literal_column("0")).order_by(*groups))


def days(since: date | None, until: date | None) -> dict[str, date]:
    return ({"since": since} if since else {}) | ({"until": until} if until else {})


def told(rows: Sequence[tuple[Any, ...]], shape: Tallied, most: int) -> Tally:
    if shape.per:
        counts = [Count(row[:1], row[1]) for row in rows]
        total = sum(each.count for each in counts)
        return Tally(total, total < most, counts)
    # PostgreSQL marks the columns that a group is not by: the first column's bit is the highest.
    names = {(1 << len(shape.by)) - 1 - (1 << bit): name for bit, name in enumerate(reversed(shape.by))}
    total = sum(count for marked, _, count in rows if marked not in names)
    counts = [Count((names[marked], text), count) for marked, text, count in rows if marked in names and text]
    return Tally(total, total < most, counts)

"""Questions to read models as SQL: checked against what the view declares, and compiled once for each shape."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple, Protocol

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects.postgresql import psycopg as dialects

from adapters.postgres import arrays
from adapters.postgres.columns import Column
from adapters.postgres.spoken import plain, spoken
from adapters.postgres.tables import Stored, sums
from domain.kernel import Refused
from projections.builds import Slot
from projections.kernel import Aggregate, Either, Is, Wanted, Within
from projections.words import MOST, Names, named, words
from tenants.isolation import SCHEMA

DIALECT = dialects.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves its dialects untyped
LIMIT = 200
_RANGES = (arrays.BIGINT, arrays.FLOAT, arrays.TIME, arrays.DAY)
_LARGEST = 2**63
_POINTERS = sa.table("pointers", *map(sa.column, ("tenant_id", "view", "version", "slot", "generation")), schema=SCHEMA)
POINTERS = "select view, version, slot, generation from everlog.pointers where tenant_id = %s"
PLACES = """
    select c.view, c.version, c.generation, c.position from everlog.checkpoints c
    join everlog.pointers p using (tenant_id, view, version, slot) where tenant_id = %s"""


class Condition(NamedTuple):
    """A condition without its value: a column of the table, how it compares, and the parameter's name."""

    column: str
    operator: str
    parameter: str
    word: str = ""
    """The parameter of a word that does as well, said by the row's event."""


class Shape(NamedTuple):
    """A question without its values: what is compiled once."""

    conditions: tuple[Condition, ...]
    sort: str
    descending: bool
    onwards: bool
    fields: tuple[str, ...]
    words: tuple[str, ...] = ()
    """The parameters of words that are looked for."""


class Sort(NamedTuple):
    column: Column
    descending: bool


def sorting(stored: Stored, sort: str) -> Sort:
    """The column to sort by, "" for the view's first."""
    view = stored.view
    name = sort.removeprefix("-") or next(iter(view.sorts), view.key)
    column = known(stored, name)
    if column.personal:
        raise Refused("query.personal-field", field=name)
    if name not in (*view.sorts, view.key):
        raise Refused("query.not-sortable", field=name)
    return Sort(column, sort.startswith("-"))


def known(stored: Stored, name: str) -> Column:
    for column in stored.columns:
        if column.name == name:
            return column
    raise Refused("query.unknown-field", field=name)


class Asked(Struct, frozen=True):
    """Checked conditions, their values, and the personal values among them that are to become tokens."""

    conditions: tuple[Condition, ...]
    values: dict[str, Any]
    hidden: dict[str, tuple[str, str]]
    """By parameter, the scope and the value in the clear."""
    words: dict[str, tuple[str, str]]
    """By parameter, the scope and a word; no scope, no secret."""


def asked(stored: Stored, where: Iterable[Wanted]) -> Asked:
    conditions: list[Condition] = []
    values: dict[str, Any] = {}
    hidden: dict[str, tuple[str, str]] = {}
    said: set[tuple[str, str]] = set()
    for each in where:
        if isinstance(each, Is):
            _exactly(stored, each, conditions, values, hidden)
        elif isinstance(each, Within):
            _between(stored, each, conditions, values)
        elif stored.view.words is None:
            raise Refused("query.not-filterable", field="words")
        elif isinstance(each, Either):
            _exactly(stored, Is(each.column, each.value), conditions, values, hidden)
            word = f"{conditions[-1].parameter}s"
            values[word] = plain(each.word)
            conditions[-1] = conditions[-1]._replace(word=word)
        elif isinstance(each, Names):
            said.add(("", named(each.subject)))
        elif not (found := words(each.text)):
            raise Refused("query.words", most=MOST)
        else:
            said |= {(each.scope, word) for word in found}
    if len(said) > MOST:
        raise Refused("query.words", most=MOST)
    return Asked(tuple(conditions), values, hidden, {f"s{n}": each for n, each in enumerate(sorted(said))})


def _exactly(
    stored: Stored,
    given: Is,
    conditions: list[Condition],
    values: dict[str, Any],
    hidden: dict[str, tuple[str, str]],
) -> None:
    parameter = f"w{len(conditions)}"
    for _, lookup in stored.lookups:
        if lookup.name == given.column:
            if not isinstance(given.value, str):
                raise Refused("query.wrong-type", field=given.column)
            hidden[parameter] = (f"{stored.view.name}.{lookup.name}", given.value)
            conditions.append(Condition(lookup.column, "=", parameter))
            return
    column = _filterable(stored, given.column)
    values[parameter] = typed(column, given.value)
    conditions.append(Condition(column.name, "=", parameter))


def _between(stored: Stored, given: Within, conditions: list[Condition], values: dict[str, Any]) -> None:
    column = _filterable(stored, given.column)
    if column.kind not in _RANGES:
        raise Refused("query.not-filterable", field=given.column)
    for operator, value in ((">=", given.least), ("<", given.below)):
        if value is not None:
            parameter = f"w{len(conditions)}"
            values[parameter] = typed(column, value)
            conditions.append(Condition(column.name, operator, parameter))


def _filterable(stored: Stored, name: str) -> Column:
    column = known(stored, name)
    if column.personal:
        raise Refused("query.personal-field", field=name)
    if name not in (*stored.view.filters, stored.view.key) or not column.plain:
        raise Refused("query.not-filterable", field=name)
    return column


def typed(column: Column, value: Any) -> Any:
    """A value as the column's type has it. Raises `Refused("query.wrong-type")`, also for what no column can hold."""
    try:
        fit = msgspec.convert(value, column.hint)
    except msgspec.ValidationError as error:
        raise Refused("query.wrong-type", field=column.name) from error
    naive = isinstance(fit, datetime) and fit.tzinfo is None
    large = isinstance(fit, int) and not -_LARGEST <= fit < _LARGEST
    if fit is None or naive or large or (isinstance(fit, str) and "\0" in fit):
        raise Refused("query.wrong-type", field=column.name)
    return fit


@cache
def one(stored: Stored, slot: Slot) -> str:
    """Parameters: tenant, key, and those of the pointer."""
    made = stored.table
    query = sa.select(*(made.c[each.name] for each in stored.columns)).where(
        made.c.tenant_id == sa.bindparam("tenant"),
        made.c[stored.view.key] == sa.bindparam("key"),
        pointed(stored.view.name, stored.view.version, slot),
    )
    return compiled(query)


@lru_cache(512)
def page(stored: Stored, slot: Slot, shape: Shape) -> str:
    """Parameters: tenant, limit, those of the conditions and the pointer; `onwards` also `place` and `key`."""
    made, view = stored.table, stored.view
    sort, key = made.c[shape.sort], made.c[view.key]
    query = sa.select(*(made.c[each] for each in shape.fields)).where(*conditions(stored, slot, shape))
    if shape.onwards:
        order = sa.tuple_(sort, key) if shape.sort != view.key else key
        given_key = sa.bindparam("key", type_=key.type)
        given = sa.tuple_(sa.bindparam("place", type_=sort.type), given_key) if shape.sort != view.key else given_key
        query = query.where(order < given if shape.descending else order > given)
    columns = dict.fromkeys((sort, key))
    return compiled(
        query.order_by(*(each.desc() if shape.descending else each for each in columns)).limit(sa.bindparam("limit"))
    )


class Conditional(Protocol):
    """What says of rows which they are."""

    @property
    def conditions(self) -> tuple[Condition, ...]: ...

    @property
    def words(self) -> tuple[str, ...]:
        """The parameters of words that are looked for."""
        ...


def conditions(stored: Stored, slot: Slot, shape: Conditional) -> list[sa.ColumnElement[bool]]:
    """Parameters: tenant, those of the conditions, the words and the pointer."""
    made, view = stored.table, stored.view
    return [
        made.c.tenant_id == sa.bindparam("tenant"),
        *(_either(stored, slot, each) if each.word else _holds(made, each) for each in shape.conditions),
        *(_said(stored, slot, given) for given in shape.words),
        pointed(view.name, view.version, slot),
    ]


def _holds(made: sa.FromClause, given: Condition) -> sa.ColumnElement[bool]:
    column = made.c[given.column]
    return column.op(given.operator)(sa.bindparam(given.parameter, type_=column.type))


def _either(stored: Stored, slot: Slot, given: Condition) -> sa.ColumnElement[bool]:
    """The rows by each of the two indexes: a plain `or` would have all rows read."""
    key, again = stored.view.key, stored.table.alias("again")
    said = spoken(stored.view, slot).table.c
    tenant, token = sa.bindparam("tenant", type_=sa.Uuid()), sa.bindparam(given.word, type_=sa.LargeBinary())
    by_column = sa.select(again.c[key]).where(again.c.tenant_id == tenant, _holds(again, given))
    by_word = sa.select(said.position).where(said.tenant_id == tenant, said.token == token)
    return stored.table.c[key].in_(sa.union_all(by_column, by_word))


def _said(stored: Stored, slot: Slot, given: str) -> sa.ColumnElement[bool]:
    """Whether the row's event says the word of a parameter."""
    said = spoken(stored.view, slot).table.c
    return sa.exists().where(
        said.tenant_id == sa.bindparam("tenant", type_=sa.Uuid()),
        said.token == sa.bindparam(given, type_=sa.LargeBinary()),
        said.position == stored.table.c[stored.view.key],
    )


@cache
def counts(aggregate: Aggregate[Any], slot: Slot, by: tuple[str, ...], *, dated: bool) -> str:
    """Parameters: tenant, those of the pointer, and `at`."""
    made = sums(aggregate, slot)
    groups = [made.c[each] for each in by]
    total = sa.cast(sa.func.sum(made.c.change), sa.BigInteger())
    query = sa.select(*groups, total).where(*_of(aggregate, made, slot, dated=dated))
    # Without groups there is always a row: that it holds nothing must read as none, as it does with them.
    return compiled(query.group_by(*groups).having(total != sa.literal_column("0")).order_by(*groups))


@cache
def daily(aggregate: Aggregate[Any], slot: Slot, by: tuple[str, ...], *, dated: bool, since: bool) -> str:
    """Parameters: tenant, those of the pointer, `at` and `since`."""
    made = sums(aggregate, slot)
    groups = [made.c[each] for each in by]
    change = sa.func.sum(made.c.change)
    level = sa.func.sum(change).over(partition_by=groups or None, order_by=made.c.day)
    inner = (
        sa.select(made.c.day, *groups, change.label("by"), level.label("level"))
        .where(*_of(aggregate, made, slot, dated=dated))
        .group_by(made.c.day, *groups)
        .subquery()
    )
    outer = [inner.c.day, *(inner.c[each] for each in by)]
    whole = [sa.cast(inner.c.by, sa.BigInteger()), sa.cast(inner.c.level, sa.BigInteger())]
    query = sa.select(*outer, *whole).where(inner.c.by != sa.literal_column("0")).order_by(*outer)
    return compiled(query.where(inner.c.day >= sa.bindparam("since")) if since else query)


def _of(aggregate: Aggregate[Any], made: sa.Table, slot: Slot, *, dated: bool) -> list[sa.ColumnElement[bool]]:
    conditions = [
        made.c.tenant_id == sa.bindparam("tenant"),
        pointed(aggregate.of.name, aggregate.of.version, slot),
    ]
    return [*conditions, made.c.day <= sa.bindparam("at")] if dated else conditions


def pointed(view: str, version: int, slot: Slot) -> sa.ColumnElement[bool]:
    """Whether the slot is still the live one, and of the same generation: if not, there are no rows."""
    pointer = _POINTERS.c
    return sa.exists().where(
        pointer.tenant_id == sa.bindparam("tenant", type_=sa.Uuid()),
        pointer.view == sa.literal_column(f"'{view}'"),
        pointer.version == sa.literal_column(str(version)),
        pointer.slot == sa.literal_column(f"'{slot}'"),
        pointer.generation == sa.bindparam("generation", type_=sa.Integer()),
    )


def compiled(query: sa.Select[Any]) -> str:
    return str(query.compile(dialect=DIALECT))

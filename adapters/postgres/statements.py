"""The statements of the views' runner; those of a table are made once from its columns."""

# ruff: noqa: S608 - the names in these statements are those of our own tables and columns.

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

import sqlalchemy as sa
from msgspec import Struct

from adapters.postgres.arrays import BIGINT, DAY, Kind
from adapters.postgres.tables import Stored, kind_of
from projections.kernel import Aggregate
from tenants.isolation import SCHEMA

_FIELDS = "view, version, slot, generation, position, mark, at, digest, rows, parked"

CHECKPOINTS = f"select {_FIELDS} from everlog.checkpoints where tenant_id = %s order by view, version, slot"
LOCK = CHECKPOINTS + " for update"
BRIEFLY = "set local lock_timeout = '100ms'"
"""Whoever else holds a tenant's checkpoints or rows, the other tenants do not wait for that."""
BEGIN = f"insert into everlog.checkpoints (tenant_id, {_FIELDS}) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
ADVANCE = """
    update everlog.checkpoints
    set generation = %s, position = %s, mark = %s, at = %s, digest = %s, rows = %s, parked = %s
    where tenant_id = %s and view = %s and version = %s and slot = %s"""
FORGET = "delete from everlog.checkpoints where tenant_id = %s and view = %s and version = %s and slot = %s"

POINTERS = "select view, version, slot from everlog.pointers where tenant_id = %s"
POINTED = "select moved_at from everlog.pointers where tenant_id = %s and view = %s and version = %s"
POINT = """
    insert into everlog.pointers (tenant_id, view, version, slot, generation) values (%s, %s, %s, %s, %s)
    on conflict (tenant_id, view, version)
    do update set slot = excluded.slot, generation = excluded.generation, moved_at = now()"""
GENERATION = """
    update everlog.pointers set generation = %s
    where tenant_id = %s and view = %s and version = %s and slot = %s and generation <> %s"""

_PARKED = 'position, stream, type, why, "column", value, behind'
PARKED = f"""
    select {_PARKED} from everlog.parked
    where tenant_id = %s and view = %s and version = %s and slot = %s order by position"""
ALL_PARKED = f"""
    select view, version, slot, parked_at, {_PARKED} from everlog.parked
    where tenant_id = %s order by view, version, slot, position limit %s"""
PARK = f"""
    insert into everlog.parked (tenant_id, view, version, slot, {_PARKED})
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
UNPARK = """
    delete from everlog.parked
    where tenant_id = %s and view = %s and version = %s and slot = %s and position = any(%s)"""
CLEAR_PARKED = "delete from everlog.parked where tenant_id = %s and view = %s and version = %s and slot = %s"

# A building copy is listed until its version has a live one; the repair of a live copy is nobody's lag.
LAG = """
    select c.view, c.version, greatest(h.position - c.position, 0),
        coalesce(extract(epoch from clock_timestamp() - e.recorded_at), 0)::float8,
        c.parked, c.generation, c.position, c.at
    from everlog.checkpoints c
    join everlog.heads h on h.tenant_id = c.tenant_id
    left join everlog.pointers p on (p.tenant_id, p.view, p.version) = (c.tenant_id, c.view, c.version)
    left join everlog.events e on e.tenant_id = c.tenant_id and e.position = c.position + 1
    where c.tenant_id = %s and coalesce(p.slot = c.slot, true)
    order by c.view, c.version"""


class Statements(Struct, frozen=True):
    """What is done with a view's table."""

    insert: bytes
    """Parameters: the tenant, then an array for each column, tokens last."""
    delete: bytes
    """The tenant, then an array of keys."""
    scan: bytes
    """The tenant; all rows in the order of their keys."""
    clear: bytes
    """The tenant."""
    _load: str

    def load(self, column: str) -> bytes:
        """The tenant, then an array of the column's values."""
        return f'{self._load} and "{column}" = any(%b)'.encode()


@cache
def of(stored: Stored) -> Statements:
    names = [each.name for each in stored.table.columns][1:]
    key, name = stored.view.key, stored.name
    given = f"unnest({', '.join(['%b'] * len(names))}) as given({_listed(names)})"
    load = f"select {_listed(each.name for each in stored.columns)} from {name} where tenant_id = %s"
    return Statements(
        f"insert into {name} (tenant_id, {_listed(names)}) select %s, * from {given}".encode(),
        f'delete from {name} where tenant_id = %s and "{key}" = any(%b)'.encode(),
        f'{load} order by "{key}"'.encode(),
        f"delete from {name} where tenant_id = %s".encode(),
        load,
    )


@lru_cache(1024)
def update(stored: Stored, names: tuple[str, ...]) -> bytes:
    """For these columns, the key first. Parameters: an array for each, then the tenant."""
    key, name = stored.view.key, stored.name
    given = f"unnest({', '.join(['%b'] * len(names))}) as given({_listed(names)})"
    changes = ", ".join(f'"{each}" = given."{each}"' for each in names[1:])
    return (
        f'update {name} stands set {changes} from {given} where tenant_id = %s and stands."{key}" = given."{key}"'
    ).encode()


class Sums(Struct, frozen=True):
    """What is done with an aggregate's table."""

    kinds: tuple[Kind, ...]
    """Of day, the group's columns, and the change."""
    add: bytes
    """The tenant, then an array for each."""
    clear: bytes


@cache
def of_sums(aggregate: Aggregate[Any], made: sa.Table) -> Sums:
    groups = [each for each, _ in aggregate.columns]
    names, name = ["day", *groups, "change"], f"{SCHEMA}.{made.name}"
    return Sums(
        (DAY, *(kind_of(kind) for _, kind in aggregate.columns), BIGINT),
        f"insert into {name} as stands (tenant_id, {_listed(names)})"
        f" select %s, * from unnest({', '.join(['%b'] * len(names))})"
        f" on conflict (tenant_id, {_listed(names[:-1])})"
        " do update set change = stands.change + excluded.change".encode(),
        f"delete from {name} where tenant_id = %s".encode(),
    )


def unequal(aggregate: Aggregate[Any], one: sa.Table, other: sa.Table) -> bytes:
    """Day, group and the two changes wherever two slots differ; a change of 0 is none. The tenant, twice."""
    names = _listed(("day", *(each for each, _ in aggregate.columns)))
    sides = (f"select {names}, change from {SCHEMA}.{each.name} where tenant_id = %s" for each in (one, other))
    return (
        f"select {names}, coalesce(l.change, 0) as left_change, coalesce(r.change, 0) as right_change"
        f" from ({next(sides)}) l full join ({next(sides)}) r using ({names})"
        f" where coalesce(l.change, 0) <> coalesce(r.change, 0) order by {names}"
    ).encode()


def whole(aggregate: Aggregate[Any], made: sa.Table) -> bytes:
    """Day, group and change, all of them."""
    names = _listed(("day", *(each for each, _ in aggregate.columns)))
    return f"select {names}, change from {SCHEMA}.{made.name} where tenant_id = %s and change <> 0".encode()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{each}"' for each in names)

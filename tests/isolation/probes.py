"""Tries everything that SQL can do to a table, as one role, and tells what it could reach."""

from contextlib import contextmanager, suppress
from itertools import product
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from tenants.isolation import rights

VERBS = ("select", "insert", "update", "move", "delete", "copy to", "copy from", "truncate")
STATES = ("unset", "empty", "own", "other")
STATEMENTS = {
    "select": "select from {table} where tenant_id = {tenant}",
    "update": "update {table} set {column} = {column} where tenant_id = {tenant}",
    "move": "update {table} set tenant_id = {to} where tenant_id = {tenant}",
    "delete": "delete from {table} where tenant_id = {tenant}",
    "truncate": "truncate {table}",
}
RIGHT = {"move": "update", "copy to": "select", "copy from": "insert"}
"""The right that a verb needs, where it is not the verb's own name."""

TABLES = """
    select c.relname::text, c.relispartition, c.relkind = 'p' from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
    where c.relnamespace = 'everlog'::regnamespace and c.relkind in ('r', 'p') order by 1"""
COLUMNS = """
    select attname::text, format_type(atttypid, null), attnotnull from pg_attribute
    where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum"""
VALUES = {
    "uuid": uuid4,
    # The name of a slot, which is the one thing that some checks want of a text.
    "text": lambda: "a",
    "bigint": lambda: 1,
    "integer": lambda: 1,
    "smallint": lambda: 1,
    "boolean": lambda: True,
    "bytea": lambda: b"bytes",
    "double precision": lambda: 0.5,
    "numeric": lambda: 1,
    "jsonb": lambda: Jsonb({}),
    "date": lambda: "2026-01-01",
    "timestamp with time zone": lambda: "2026-01-01 00:00+00",
}


class Tables:
    """Every table of the catalogue that has a tenant, and a row for each that fits."""

    def __init__(self, connection, tenants):
        self.found = connection.execute(TABLES).fetchall()
        self.tenants = tenants
        self.rows = {name: self._fill(connection, name) for name, partition, _ in self.found if not partition}

    def _fill(self, connection, table):
        """Put a row of each tenant into a table, made up from the types of its columns."""
        columns = connection.execute(COLUMNS, [f"everlog.{table}"]).fetchall()
        optional = [name for name, _, needed in columns if not needed]
        for left_out in ([], optional, *([name] for name in optional)):
            row = {name: VALUES[type_.removesuffix("[]")]() for name, type_, _ in columns if name not in left_out}
            with suppress(psycopg.errors.CheckViolation), connection.transaction():
                for tenant in self.tenants:
                    put(connection, table, row | {"tenant_id": tenant})
                return row
        raise AssertionError(f"No made-up row fits {table}; its checks want more than types.")


def put(connection, table, row):
    names = sql.SQL(", ").join(map(sql.Identifier, row))
    values = sql.SQL(", ").join(map(sql.Placeholder, row))
    connection.execute(
        sql.SQL("insert into everlog.{} ({}) values ({})").format(sql.Identifier(table), names, values), row
    )


@contextmanager
def undone(connection):
    """Nothing that happens inside is left, errors of the server's included."""
    with connection.transaction(force_rollback=True):
        yield


def reaches(connection, table, verb, target, row):
    """Whether a statement of this role, under the tenant that is set, gets at a row of `target`."""
    try:
        with undone(connection):
            return _attempt(connection, sql.Identifier("everlog", table), verb, target, row, table)
    except psycopg.errors.UniqueViolation:
        # Policies are asked before keys are: the row came through the wall, and met itself.
        return True
    except psycopg.Error:
        return False


def _attempt(connection, name, verb, target, row, table):
    match verb:
        case "insert":
            put(connection, table, row | {"tenant_id": target})
            return True
        case "copy to":
            with connection.cursor().copy(sql.SQL("copy {} (tenant_id) to stdout").format(name)) as copy:
                return target in [UUID(line[0]) for line in copy.rows()]
        case "copy from":
            with connection.cursor().copy(sql.SQL("copy {} from stdin").format(name)) as copy:
                copy.write_row(tuple((row | {"tenant_id": target}).values()))
            return True
    column = sql.Identifier(next(iter(rights(table).columns), "tenant_id"))
    query = sql.SQL(STATEMENTS[verb]).format(table=name, tenant=sql.Literal(target), column=column, to=str(uuid4()))
    return connection.execute(query).rowcount != 0


def expected(who, partition, parent, table, verb, state):
    """What the rules allow: its own tenant's rows, by the rights on the list; COPY only of what is no parent."""
    if who == "worker" and table == "heads" and verb in ("select", "copy to"):
        return True
    allowed = RIGHT.get(verb, verb) in getattr(rights(table), who)
    forbidden = verb in ("move", "copy from", "truncate") or (verb == "copy to" and parent)
    return state == "own" and allowed and not partition and not forbidden


def breaches(connection, who, tables):
    """Where this role reaches what it should not, or does not reach what it should; and how much was tried.

    The connection is fresh and inside a transaction: a setting that was set once is never unset again, only empty.
    """
    own, other = tables.tenants
    wrong, tried = [], 0
    parent_row = tables.rows["events"]
    for state in STATES:
        if state != "unset":
            connection.execute("select set_config('app.tenant', %s, true)", ["" if state == "empty" else str(own)])
        for (table, partition, parent), verb in product(tables.found, VERBS):
            tried += 1
            target = other if state == "other" else own
            row = parent_row if partition else tables.rows[table]
            reached = reaches(connection, table, verb, target, row)
            if reached != expected(who, partition, parent, table, verb, state):
                wrong.append(f"{table}: {verb} {state}: {'reached' if reached else 'not reached'}")
    return wrong, tried

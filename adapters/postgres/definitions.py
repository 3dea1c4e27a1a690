"""Functions, triggers and rules of the schema, against the text of this release.

Whoever rewrites one of them decides what readers are shown and what appends write, and no row changes for it.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from msgspec import Struct

from adapters.postgres.roles import Connection
from tenants.isolation import GUARDS, Finding

FUNCTIONS = Path(__file__).parents[2] / "deploy" / "migrations" / "functions"
_FUNCTION = re.compile(
    r"create or replace function everlog\.(\w+)\(.*?\blanguage (\w+)(.*?)\bas \$\$(.*?)\$\$", re.DOTALL
)
_SETTING = re.compile(r"set (\w+) = '([^']*)'")
_BEFORE_UPDATE_OF_A_ROW = 1 | 2 | 16
"""Of `pg_trigger.tgtype`: TRIGGER_TYPE_ROW, _BEFORE and _UPDATE."""


class Function(Struct, frozen=True):
    language: str
    settings: list[str]
    body: str


@cache
def released() -> dict[str, Function]:
    """Every function of the schema by its name, as this release defines it."""
    texts = [path.read_text() for path in sorted(FUNCTIONS.glob("*.sql"))]
    return {
        name: Function(language, [f"{setting}={value}" for setting, value in _SETTING.findall(more)], body)
        for text in texts
        for name, language, more, body in _FUNCTION.findall(text)
    }


def functions(connection: Connection) -> Iterator[Finding]:
    query = """
        select p.proname::text, p.oid::regprocedure::text, l.lanname::text, coalesce(p.proconfig, '{}'), p.prosrc
        from pg_proc p join pg_language l on l.oid = p.prolang
        where p.pronamespace = 'everlog'::regnamespace order by p.oid"""
    left = dict(released())
    for name, called, *found in connection.execute(query):
        if (wanted := left.pop(name, None)) is None:
            yield Finding(called, "is no function of this release")
        elif Function(*found) != wanted:
            yield Finding(
                called, "is not what this release defines: find out who changed it, then run `everlog migrate`"
            )
    for name in left:
        yield Finding(f"everlog.{name}", "is missing: run `everlog migrate`")


def triggers(connection: Connection) -> Iterator[Finding]:
    """Rights to update rest on triggers that see to what is updated; these must stand, be awake, and be all."""
    query = """
        select c.relname::text, t.tgname::text, p.proname::text,
            p.pronamespace = c.relnamespace and t.tgtype = %s and t.tgenabled in ('O', 'A')
                and t.tgqual is null and t.tgattr::text = ''
        from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
        where c.relnamespace = 'everlog'::regnamespace and not t.tgisinternal and t.tgparentid = 0"""
    left = dict(GUARDS)
    for table, name, function, awake in connection.execute(query, [_BEFORE_UPDATE_OF_A_ROW]):
        guard = GUARDS.get(table)
        if (name, function, awake) == ("guard", guard, True):
            del left[table]
        elif name != "guard" or guard is None:
            yield Finding(table, f"trigger {name} is none of this release")
    for table, guard in left.items():
        yield Finding(table, f"the trigger that calls {guard} before an update is missing, switched off or another")


def rules(connection: Connection) -> Iterator[Finding]:
    query = """
        select c.relname::text, w.rulename::text from pg_rewrite w join pg_class c on c.oid = w.ev_class
        where c.relnamespace = 'everlog'::regnamespace and c.relkind <> 'm'"""
    for name, rule in connection.execute(query):
        yield Finding(
            name, f"rule {rule} answers something else than what is asked; the product has no view and no rule"
        )

"""What a database's superuser does to two rows."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg

Place = Sequence[Any]
Statement = Callable[[str, Place, Sequence[Any] | None], tuple[str, Sequence[Any]]]
"""Of `select` or `update`, a place and the values for it: what to run."""


def swap(power: psycopg.Connection[Any], one: tuple[Statement, Place], other: tuple[Statement, Place]) -> list[Any]:
    """Exchange what stands at two places, and answer what stood there. Doing it again puts it back."""
    values = [power.execute(*sql("select", place, None)).fetchone() for sql, place in (one, other)]
    for (sql, place), value in zip((one, other), reversed(values), strict=True):
        power.execute(*sql("update", place, value))
    return values


def columns_of(table: str, columns: Sequence[str], key: str) -> Statement:
    """These columns of a table's row, which the tenant and a key tell."""
    where = f"where tenant_id = %s and {key} = %s"

    def sql(verb: str, place: Place, values: Sequence[Any] | None) -> tuple[str, Sequence[Any]]:
        if verb == "select":
            return f"select {', '.join(columns)} from {table} {where}", place
        given = ", ".join(f"{each} = %s" for each in columns)
        return f"update {table} set {given} {where}", [*(values or ()), *place]

    return sql

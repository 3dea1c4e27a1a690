"""The tables of the read models, derived from their row types, and made by `everlog migrate` as the owner role."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from hashlib import sha256
from operator import attrgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Raw, Struct, defstruct
from msgspec.structs import replace
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from adapters.postgres import arrays
from adapters.postgres.arrays import Kind
from adapters.postgres.columns import Column, Lookup, columns
from adapters.postgres.roles import Connection
from adapters.postgres.spoken import spoken
from domain.kernel import Sealed
from projections.builds import Build, Slot, builds
from projections.kernel import Aggregate, View
from tenants.isolation import SCHEMA
from tenants.keys import Misplaced

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves its dialects untyped
_NAME_LIMIT = 63
_TENANT = "tenant_id"
_TYPES: dict[Kind, sa.types.TypeEngine[Any]] = {
    arrays.TEXT: sa.Text(collation="C"),
    arrays.UUID: sa.Uuid(),
    arrays.BIGINT: sa.BigInteger(),
    arrays.FLOAT: sa.Double(),
    arrays.TIME: sa.DateTime(timezone=True),
    arrays.DAY: sa.Date(),
    arrays.BOOL: sa.Boolean(),
    arrays.BYTES: sa.LargeBinary(),
}
_PLAIN = {str: arrays.TEXT, int: arrays.BIGINT, bool: arrays.BOOL, UUID: arrays.UUID}


class Stored(Struct, frozen=True):
    """A view's table in one slot: what a row becomes there, and back."""

    view: View[Any]
    table: sa.Table
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        return f"{SCHEMA}.{self.table.name}"

    @property
    def lookups(self) -> list[tuple[Column, Lookup]]:
        return [(column, lookup) for column in self.columns for lookup in column.lookups]

    def column(self, name: str) -> Column:
        return next(each for each in self.columns if each.name == name)

    def reader(self) -> Callable[[tuple[Any, ...]], Any]:
        """Makes a row of the values of all columns, in their order."""
        return reader(self.view.row, self.columns)


def reader(row: type[Struct], stored: Sequence[Column]) -> Callable[[tuple[Any, ...]], Any]:
    decoders = [(index, each.decode) for index, each in enumerate(stored) if each.decode]

    def read(values: tuple[Any, ...]) -> Any:
        decoded = list(values)
        for index, decode in decoders:
            if decoded[index] is not None:
                decoded[index] = decode(decoded[index])
        return row(*decoded)

    return read


def guarded(
    view: View[Any], row: type[Struct], stored: Sequence[Column], names: Sequence[str]
) -> Callable[[tuple[Any, ...]], Any]:
    """What makes rows of the values of these names, of which the first are the stored columns'.

    It raises `tenants.keys.Misplaced` for a row that holds what was recorded in another place than its home.
    """
    read, many = reader(row, stored), len(stored)
    personal = [(attrgetter(each.name), _ends(each.name)) for each in stored if each.personal]
    if not personal or view.home is None:
        return lambda values: read(values[:many])
    of, places = view.home.of, [names.index(each) for each in view.home.columns]

    def look(values: tuple[Any, ...]) -> Any:
        made, home = read(values[:many]), of(*[values[each] for each in places])
        for get, ends in personal:
            value = get(made)
            if type(value) is Sealed and not (value.binding.startswith(home) and value.binding.endswith(ends)):
                raise Misplaced(f"A row of the view {view.name} holds what was recorded at {value.binding}.")
        return made

    return look


def _ends(name: str) -> tuple[str, str]:
    """What a binding of the field ends with, which is `<stream>@<version>#<tag>.<field>`, the tag perhaps left out."""
    return f".{name}", f"#{name}"


def unopened(row: type[Struct], stored: Sequence[Column]) -> tuple[type[Struct], Callable[[tuple[Any, ...]], Any]]:
    """A type whose rows have the digests of `row`'s, and what reads them: what lies packed is not unpacked for that."""
    config = row.__struct_config__
    if config.tag is not None or config.omit_defaults or config.array_like:
        return row, reader(row, stored)
    twin = defstruct(row.__name__, [(each.name, Raw if each.personal else Any) for each in stored], frozen=True)
    given = [replace(each, decode=Raw) if each.personal else each for each in stored]
    return twin, reader(twin, given)


@cache
def table(view: View[Any], slot: Slot = "a") -> Stored:
    """`view_<name>_<version>`, in slot b with `_b` behind it. Raises `TypeError` where a home is missing."""
    stored = columns(view.row)
    if view.home is None and any(each.personal for each in stored):
        raise TypeError(f"The view {view.name} has personal fields and does not say where they were recorded.")
    name = f"view_{view.name}_{view.version}{_suffix(slot)}"
    tokens = [sa.Column(lookup.column, sa.LargeBinary()) for each in stored for lookup in each.lookups]
    made = sa.Table(
        name,
        sa.MetaData(schema=SCHEMA),
        sa.Column(_TENANT, sa.Uuid(), primary_key=True),
        *(
            sa.Column(each.name, _TYPES[each.kind], primary_key=each.name == view.key, nullable=each.optional)
            for each in stored
        ),
        *tokens,
    )
    _index(made, view, tokens)
    return Stored(view, made, stored)


@cache
def sums(aggregate: Aggregate[Any], slot: Slot = "a") -> sa.Table:
    """`view_<name>_<view's version>_<version>`: day, the group's columns and the change, behind the tenant."""
    name = f"view_{aggregate.name}_{aggregate.of.version}_{aggregate.version}{_suffix(slot)}"
    return sa.Table(
        name,
        sa.MetaData(schema=SCHEMA),
        sa.Column(_TENANT, sa.Uuid(), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        *(sa.Column(each, _TYPES[kind_of(kind)], primary_key=True) for each, kind in aggregate.columns),
        sa.Column("change", sa.BigInteger(), nullable=False),
    )


def kind_of(python: type) -> Kind:
    """The kind of an aggregate's group column. Raises `KeyError` for a type that groups cannot have."""
    return _PLAIN[python]


def create(connection: Connection, models: Iterable[View[Any] | Aggregate[Any]]) -> None:
    """Make the tables that are missing, in both slots; the walls are put around them by `migrate`.

    Raises `Reshaped` where a table stands that does not fit its row type, or an aggregate came to a view that stands.
    """
    for build in builds(models):
        stands = _shape(connection, table(build.view).table)
        for slot in ("a", "b"):
            for each in tables(Build(build.view, build.aggregates, slot)):
                _make(connection, each, late=bool(stands))


def tables(build: Build) -> list[sa.Table]:
    """The view's, that of its words, then its aggregates'."""
    found = [table(build.view, build.slot).table]
    if build.view.words:
        found.append(spoken(build.view, build.slot).table)
    return [*found, *(sums(each, build.slot) for each in build.aggregates)]


class Reshaped(Exception):
    """A view was changed under the version that it has; raise the version."""


def _make(connection: Connection, made: sa.Table, *, late: bool) -> None:
    found = _shape(connection, made)
    wanted = {each.name: (_type(each), not each.nullable) for each in made.columns}
    if (found and found != wanted) or (late and not found):
        raise Reshaped(f"{made.name} does not fit the view as it is declared now; raise the view's version.")
    if not found:
        connection.execute(str(CreateTable(made).compile(dialect=DIALECT)).encode())
    for index in sorted(made.indexes, key=lambda each: str(each.name)):
        connection.execute(str(CreateIndex(index, if_not_exists=True).compile(dialect=DIALECT)).encode())


def _type(column: sa.Column[Any]) -> str:
    return column.type.compile(DIALECT).partition(" COLLATE")[0].lower()


def _shape(connection: Connection, made: sa.Table) -> dict[str, tuple[str, bool]]:
    """The columns of a table as it stands, each with its type and whether it must be filled."""
    rows = connection.execute(
        "select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull from pg_attribute a"
        " where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped",
        [f"{SCHEMA}.{made.name}"],
    ).fetchall()
    return {name: (kind, needed) for name, kind, needed in rows}


def _index(made: sa.Table, view: View[Any], tokens: Sequence[sa.Column[Any]]) -> None:
    """An index for each sort and each declared tuple, the key last so that pages can go on; and one for each token.

    Where the first of a declared tuple may be empty, the index holds the rows in which it is not: an equality finds no
    others, and most rows then cost nothing to write.
    """
    for names in dict.fromkeys([*((each,) for each in view.sorts), *view.indexes]):
        with_key = (*names, view.key) if view.key not in names else names
        if with_key != (view.key,):
            first = made.c[names[0]]
            filled = first.is_not(None) if first.nullable and names[0] not in view.sorts else None
            columns = (made.c[each] for each in (_TENANT, *with_key))
            sa.Index(_name(made, with_key), *columns, postgresql_where=filled)
    for token in tokens:
        known = made.c[token.name].is_not(None)
        sa.Index(_name(made, (token.name,)), made.c[_TENANT], made.c[token.name], postgresql_where=known)


def _name(made: sa.Table, names: Sequence[str]) -> str:
    name = f"{made.name}_by_{'_'.join(names)}"
    return name if len(name) <= _NAME_LIMIT else f"{made.name}_by_{sha256(name.encode()).hexdigest()[:12]}"


def _suffix(slot: Slot) -> str:
    return "_b" if slot == "b" else ""

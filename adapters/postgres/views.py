"""The read models of one tenant as their runner sees them: rows and checkpoints that move together."""

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct
from psycopg import sql

from adapters.postgres import statements
from adapters.postgres.columns import Column
from adapters.postgres.database import Database
from adapters.postgres.given import Given
from adapters.postgres.packing import Sheet, packed
from adapters.postgres.silence import Connection
from adapters.postgres.spoken import spoken
from adapters.postgres.tables import Stored, reader, sums, table, unopened
from domain.kernel import Erased
from projections.builds import Build, Changes, Checkpoint, Key, Later, Parked, Slot, Stale, Unstorable, Wanted
from projections.digest import EMPTY, digester, moved
from projections.kernel import Lag
from tenants.isolation import SCHEMA
from tenants.keys import Misplaced, Tokens

_REFUSALS = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded)
"""What the database says of values that it cannot hold, whoever asks however often."""
_MISFITS = (struct.error, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, Misplaced)
"""What packing says of a value that is not of its column's type, or was moved from elsewhere under its seal."""
_CHUNK = 2000
_WHOLE = 600.0
"""Seconds that a statement over all of a build's rows may take."""


class Held(Struct, frozen=True):
    """A parked event, and the build that could not take it."""

    view: str
    version: int
    slot: Slot
    since: datetime
    event: Parked


class Views:
    """A tenant's store, for `projections.runner.Runner`. The database's role is the worker's."""

    def __init__(self, tenant: UUID, database: Database, keys: Tokens) -> None:
        self.tenant = tenant
        self._database = database
        self.keys = keys

    def checkpoints(self) -> list[Checkpoint]:
        return [Checkpoint(*row) for row in self._database.query(self.tenant, statements.CHECKPOINTS, [self.tenant])]

    def live(self) -> dict[tuple[str, int], Slot]:
        rows = self._database.query(self.tenant, statements.POINTERS, [self.tenant])
        return {(view, version): slot for view, version, slot in rows}

    def begin(self, checkpoints: Sequence[Checkpoint]) -> None:
        with self._database.transaction(self.tenant) as connection:
            connection.cursor().executemany(
                f"{statements.BEGIN} on conflict do nothing".encode(),
                [(self.tenant, *msgspec.structs.astuple(each)) for each in checkpoints],
            )

    def parked(self, limit: int = 100) -> list[Held]:
        """The parked events, by view and in the order of the log."""
        rows = self._database.query(self.tenant, statements.ALL_PARKED, [self.tenant, limit])
        return [Held(view, version, slot, since, _parked(event)) for view, version, slot, since, *event in rows]

    def lag(self) -> list[Lag]:
        return [Lag(*row) for row in self._database.query(self.tenant, statements.LAG, [self.tenant])]

    @contextmanager
    def still(self) -> Iterator[tuple[list[Checkpoint], "Transaction"]]:
        """All checkpoints, and what reads the rows beside them: all as it was at one moment.

        However long whoever looks does something else between two questions: what they hold back is the clearing of old
        rows, and nobody waits for that.
        """
        with self._database.snapshot(self.tenant) as connection:
            connection.execute("set local idle_in_transaction_session_timeout = 0")
            rows = connection.cursor(binary=True).execute(statements.CHECKPOINTS.encode(), [self.tenant]).fetchall()
            yield [Checkpoint(*row) for row in rows], Transaction(self.tenant, connection)

    @contextmanager
    def glimpse(self) -> Iterator[tuple[list[Checkpoint], "Transaction"]]:
        """The same of the copies that are read."""
        with self.still() as (known, work):
            live = work.live()
            yield [each for each in known if each.key in live], work

    def load(self, wanted: Sequence[Wanted]) -> list[list[Any]]:
        if not wanted:
            return []
        with self._database.exchange(self.tenant) as connection:
            return Transaction(self.tenant, connection).load(wanted)

    def tokens(self, build: Build, rows: Sequence[Any]) -> list[tuple[bytes | Erased | None, ...]]:
        """What each of these rows is to be looked up by; `Erased` where nobody can tell."""
        return Given(table(build.view, build.slot), self.keys).tokens(rows)

    def pack(self, build: Build, changes: Changes) -> Sheet:
        try:
            return packed(self.tenant, build, changes, self.keys)
        except _MISFITS as error:
            raise Unstorable(build, type(error).__name__) from error

    def write(self, before: Sequence[Checkpoint], packed: Sequence[Sheet], after: Sequence[Checkpoint]) -> None:
        try:
            with self._database.exchange(self.tenant) as connection:
                work = Transaction(self.tenant, connection)
                connection.execute(statements.BRIEFLY)
                standing = connection.cursor(binary=True).execute(statements.LOCK.encode(), [self.tenant])
                for sheet in packed:
                    work.put(sheet)
                work.move(after)
                if not {Checkpoint(*row) for row in standing}.issuperset(before):
                    raise Stale
        except psycopg.errors.LockNotAvailable as held:
            raise Later from held
        except _REFUSALS as error:
            raise Unstorable(packed[0].build, type(error).__name__) from error

    @contextmanager
    def work(self) -> Iterator["Transaction"]:
        try:
            with self._database.transaction(self.tenant) as connection:
                yield Transaction(self.tenant, connection)
        except psycopg.errors.LockNotAvailable as held:
            raise Later from held


class Transaction:
    """One transaction: `projections.builds.Work`."""

    def __init__(self, tenant: UUID, connection: Connection) -> None:
        self._tenant = tenant
        self._connection = connection

    def live(self) -> set[Key]:
        return set(self._connection.execute(statements.POINTERS.encode(), [self._tenant]))

    def lock(self, checkpoints: Sequence[Checkpoint]) -> None:
        self._connection.execute(statements.BRIEFLY)
        rows = self._connection.cursor(binary=True).execute(statements.LOCK.encode(), [self._tenant])
        standing = {Checkpoint(*row) for row in rows}
        if not standing.issuperset(checkpoints):
            raise Stale

    def begin(self, checkpoint: Checkpoint) -> None:
        try:
            with self._connection.transaction():
                self._connection.execute(
                    statements.BEGIN.encode(), (self._tenant, *msgspec.structs.astuple(checkpoint))
                )
        except psycopg.errors.UniqueViolation as error:
            raise Stale from error

    def load(self, wanted: Sequence[Wanted]) -> list[list[Any]]:
        cursors: list[tuple[Stored, psycopg.Cursor[Any]]] = []
        with self._connection.pipeline():
            for build, name, values in wanted:
                stored = table(build.view, build.slot)
                kind = _indexed(stored, name).kind
                cursor = self._connection.cursor(binary=True)
                cursor.execute(statements.of(stored).load(name), [self._tenant, kind.array(values)])
                cursors.append((stored, cursor))
        return [list(map(reader(stored.view.row, stored.columns), cursor)) for stored, cursor in cursors]

    def write(self, build: Build, packed: Sheet) -> None:
        try:
            with self._connection.pipeline():
                self.put(packed)
        except _REFUSALS as error:
            raise Unstorable(build, f"{type(error).__name__} {error.diag.constraint_name or error.sqlstate}") from error

    def put(self, packed: Sheet) -> None:
        """Send what was packed; what the database says of it is told at the end of the pipeline."""
        for statement, parameters in packed.statements:
            self._connection.execute(statement, parameters)

    def advance(self, checkpoints: Sequence[Checkpoint]) -> None:
        with self._connection.pipeline():
            self.move(checkpoints)

    def move(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Send them; see `put`."""
        for each in checkpoints:
            place = (self._tenant, each.view, each.version, each.slot)
            self._connection.execute(statements.ADVANCE.encode(), (*msgspec.structs.astuple(each)[3:], *place))
            self._connection.execute(statements.GENERATION.encode(), (each.generation, *place, each.generation))

    def parked(self, build: Build) -> list[Parked]:
        rows = self._connection.execute(statements.PARKED.encode(), self._place(build)).fetchall()
        return [_parked(row, table(build.view)) for row in rows]

    def unpark(self, build: Build, positions: Sequence[int]) -> None:
        self._connection.execute(statements.UNPARK, (*self._place(build), list(positions)))

    def clear(self, build: Build) -> None:
        self._connection.patience = _WHOLE
        stored = table(build.view, build.slot)
        self._connection.execute(statements.of(stored).clear, [self._tenant])
        if build.view.words:
            self._connection.execute(spoken(build.view, build.slot).clear, [self._tenant])
        for each in build.aggregates:
            self._connection.execute(statements.of_sums(each, sums(each, build.slot)).clear, [self._tenant])
        self._connection.execute(statements.CLEAR_PARKED, self._place(build))

    def scan(self, build: Build) -> Iterator[Any]:
        stored = table(build.view, build.slot)
        return self._scan(build, reader(stored.view.row, stored.columns))

    def looked_up(self, build: Build) -> Iterator[tuple[Any, ...]]:
        """The key of each row, and the tokens it is looked up by, as they are stored."""
        stored = table(build.view, build.slot)
        names = [sql.Identifier(name) for name in (build.view.key, *(each.column for _, each in stored.lookups))]
        query = sql.SQL("select {} from {} where tenant_id = %s").format(
            sql.SQL(", ").join(names), sql.Identifier(SCHEMA, stored.table.name)
        )
        with psycopg.ServerCursor(self._connection, f"tokens_{build.slot}") as cursor:
            cursor.itersize = _CHUNK
            yield from cursor.execute(query, [self._tenant])

    def words(self, build: Build) -> Iterator[tuple[bytes, int]]:
        """Each word's token with the position of an event that says it, as they are stored."""
        name = sql.Identifier(SCHEMA, spoken(build.view, build.slot).table.name)
        query = sql.SQL("select token, position from {} where tenant_id = %s").format(name)
        with psycopg.ServerCursor(self._connection, f"words_{build.slot}") as cursor:
            cursor.itersize = _CHUNK
            cursor.format = psycopg.pq.Format.BINARY
            yield from cursor.execute(query, [self._tenant], binary=True)

    def digest(self, build: Build) -> bytes:
        stored = table(build.view, build.slot)
        row, read = unopened(stored.view.row, stored.columns)
        return moved(EMPTY, sum(map(digester(row), self._scan(build, read))))

    def _scan(self, build: Build, read: Callable[[tuple[Any, ...]], Any]) -> Iterator[Any]:
        self._connection.patience = _WHOLE
        stored = table(build.view, build.slot)
        cursor = psycopg.ServerCursor(self._connection, f"scan_{build.slot}")
        cursor.itersize = _CHUNK
        cursor.format = psycopg.pq.Format.BINARY
        with cursor:
            cursor.execute(statements.of(stored).scan, [self._tenant], binary=True)
            yield from map(read, cursor)

    def unequal(self, one: Build, other: Build) -> Iterator[tuple[str, tuple[Any, ...], int, int]]:
        self._connection.patience = _WHOLE
        for each in one.aggregates:
            both = statements.unequal(each, sums(each, one.slot), sums(each, other.slot))
            for *group, left, right in self._connection.execute(both, [self._tenant, self._tenant]):
                yield each.name, tuple(group), left, right

    def sums(self, build: Build) -> Iterator[tuple[str, tuple[Any, ...], int]]:
        """Aggregate, day and group, and the change."""
        self._connection.patience = _WHOLE
        for each in build.aggregates:
            whole = statements.whole(each, sums(each, build.slot))
            for *group, change in self._connection.execute(whole, [self._tenant]):
                yield each.name, tuple(group), change

    def pointed(self, checkpoint: Checkpoint) -> datetime | None:
        row = self._connection.execute(statements.POINTED.encode(), [self._tenant, *checkpoint.key[:2]]).fetchone()
        return row[0] if row else None

    def point(self, checkpoint: Checkpoint) -> None:
        each = checkpoint
        self._connection.execute(statements.POINT, [self._tenant, each.view, each.version, each.slot, each.generation])

    def forget(self, checkpoint: Checkpoint) -> None:
        each = checkpoint
        place = [self._tenant, each.view, each.version, each.slot]
        self._connection.execute(statements.FORGET, place)
        # What it had parked is nobody's any more, and would be listed beside what its successor has.
        self._connection.execute(statements.CLEAR_PARKED, place)

    def _place(self, build: Build) -> tuple[UUID, str, int, Slot]:
        return self._tenant, build.view.name, build.view.version, build.slot


def _indexed(stored: Stored, name: str) -> Column:
    """A column that rows are looked for by. Raises `LookupError` where no index begins with it."""
    if name != stored.view.key and all(each[0] != name for each in stored.view.indexes):
        raise LookupError(f"{stored.view.name} selects by {name}, which no index of it begins with")
    return stored.column(name)


def _parked(row: Sequence[Any], stored: Stored | None = None) -> Parked:
    """With the value as the view selects by it; as text where the view is not known."""
    position, stream, type, why, column, value, behind = row
    hint = stored.column(column).hint if stored and column else Any
    return Parked(position, stream, type, why, column, msgspec.json.decode(value, type=hint), behind)

"""What is kept of a subject beside the log, in one tenant's tables: found, and cleared once their key is destroyed.

Boxes stay where they lie in rows: without the key they are noise. What would still tell something are tokens, the HMACs
by which a value can be looked up or is reserved, for their key lives on.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from time import monotonic
from typing import Any, Protocol
from uuid import UUID

import msgspec
from psycopg import sql

from adapters.erasures import Erasures
from adapters.postgres import statements
from adapters.postgres.database import Database
from adapters.postgres.roles import Connection
from adapters.postgres.tables import table
from adapters.postgres.views import Views
from application.ports import Log
from application.privacy import Purged
from domain.kernel import Recorded
from projections.builds import builds
from projections.kernel import Aggregate, View
from projections.privacy import erasures
from tenants.isolation import COLUMN, SCHEMA
from tenants.keys import SUBJECTS

_ERASED_AT = "select erased_at from everlog.subject_keys where tenant_id = %s and subject = %s and wrapped is null"
# `adapters.parcel` and `adapters.erasures` mark those who had a key here when their erasure came from elsewhere, or was
# done again after a restore.
_BROUGHT = "select subject from everlog.subject_keys where tenant_id = %s and epoch = -1"
_CLEARED = "update everlog.subject_keys set epoch = 0 where tenant_id = %s and subject = %s and epoch = -1"
# The log has no index by subject: an erasure is rare, and reads the tenant's events once.
_ABOUT = """
    select count(*), array_agg(distinct stream) from everlog.events
    where tenant_id = %s and (position(%s::bytea in meta) > 0 or stream = any(%s))"""
_POSITIONS = """
    select position from everlog.events
    where tenant_id = %s and position <= %s and (position(%s::bytea in meta) > 0 or stream = any(%s))
    order by position"""
_SNAPSHOTS = "delete from everlog.snapshots where tenant_id = %s and stream = any(%s)"
_RESERVATIONS = "delete from everlog.reservations where tenant_id = %s and stream = any(%s)"
# Tables of other versions stay: a release that is going, or comes back, reads them. Only the catalogue knows them all.
_TABLES = """
    select c.relname::text, jsonb_object_agg(a.attname, a.atttypid = 'bytea'::regtype)
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = %s::regnamespace and c.relkind = 'r' and starts_with(c.relname, 'view_')
        and a.attnum > 0 and not a.attisdropped
    group by c.relname order by c.relname"""
_WORDS = {COLUMN, "token", "position", "subject"}
"""The columns of a table of words, and of no other."""
# A checkpoint of another generation than the log's is only brought to it.
_VOID = "update everlog.checkpoints set generation = generation - 1 where tenant_id = %s and position < %s"

_OTHERS = 2 * SUBJECTS
"""Seconds after which no process opens anything with a destroyed key, though it had it at hand and heard of nothing."""
_WHOLE = 600.0
"""Seconds that a statement over all of a table may take."""


class Messages(Protocol):
    """What JetStream holds of a tenant's log."""

    def reached(self, tenant: UUID, generation: int, position: int) -> bool:
        """Whether everything up to a position was published, or nothing at all."""
        ...

    def purge(self, tenant: UUID, subject: UUID, generation: int, position: int) -> int:
        """Overwrite the messages about a subject up to a position, but for the tenant's last; how many those were."""
        ...


class Remains:
    """`application.privacy.Remains` of one tenant. The database's role is the worker's."""

    def __init__(
        self,
        views: Views,
        log: Log,
        database: Database,
        destroying: Erasures,
        models: Iterable[View[Any] | Aggregate[Any]],
        capabilities: Iterable[str],
        messages: Messages,
    ) -> None:
        self._tenant = views.tenant
        self._views = views
        self._log = log
        self._database = database
        self._destroying = destroying
        self._declared = {(each.view.name, each.view.version) for each in builds(models)}
        self._capabilities = tuple(capabilities)
        self._messages = messages
        self._closed: dict[UUID, float] = {}
        """By subject, since when this process knows that the key is gone (monotonic)."""

    def approved(self) -> dict[UUID, datetime]:
        slot = self._views.live().get((erasures.name, erasures.version), "a")
        query = sql.SQL("select subject, approved_at from {} where tenant_id = %s and stage = 'approved'").format(
            sql.Identifier(SCHEMA, table(erasures, slot).table.name)
        )
        with self._database.transaction(self._tenant) as connection:
            return dict(connection.execute(query, [self._tenant]).fetchall())

    def brought(self) -> list[UUID]:
        return [subject for (subject,) in self._database.query(self._tenant, _BROUGHT, [self._tenant])]

    def cleared(self, subject: UUID) -> None:
        self._database.query(self._tenant, _CLEARED, [self._tenant, subject])

    def gone(self, subject: UUID) -> bool:
        return bool(self._database.query(self._tenant, _ERASED_AT, [self._tenant, subject]))

    def about(self, subject: UUID, upto: int) -> Iterator[Recorded]:
        asked = [self._tenant, upto, str(subject).encode(), self._own(subject)]
        for (position,) in self._database.query(self._tenant, _POSITIONS, asked):
            yield from self._log.read(position - 1, 1)

    def erase(self, subject: UUID) -> datetime:
        known = [self._tenant, subject]
        if not self._database.query(self._tenant, _ERASED_AT, known):
            self._destroying.erase(self._tenant, [subject])
        else:
            # Another process did it, and this one may not have heard.
            self._destroying.forget(self._tenant, [subject])
        [(at,)] = self._database.query(self._tenant, _ERASED_AT, known)
        self._closed[subject] = monotonic()
        return at  # type: ignore[no-any-return] # a timestamptz, never null once the key is gone

    def behind(self, subject: UUID, generation: int, position: int) -> list[str]:
        late = {(each.view, each.version) for each in self._views.checkpoints() if each.position < position}
        if monotonic() >= self._closed[subject] + _OTHERS:
            # What another release keeps, if anybody still keeps it, is written without the key from now on.
            late &= self._declared
        names = [f"{view}-{version}" for view, version in sorted(late)]
        return names if self._messages.reached(self._tenant, generation, position) else [*names, "messages"]

    def purge(self, subject: UUID, generation: int, position: int) -> Purged:
        self._void(position)
        messages = self._messages.purge(self._tenant, subject, generation, position)
        with self._database.transaction(self._tenant) as connection:
            connection.patience = _WHOLE
            own = self._own(subject)
            [(events, streams)] = connection.execute(_ABOUT, [self._tenant, str(subject).encode(), own]).fetchall()
            return Purged(
                events,
                self._clear(connection, subject),
                connection.execute(_SNAPSHOTS, [self._tenant, [*own, *(streams or ())]]).rowcount,
                connection.execute(_RESERVATIONS, [self._tenant, own]).rowcount,
                messages,
            )

    def _void(self, position: int) -> None:
        """Whoever opened something before the key was gone, and has yet to write what came of it, folds it anew."""
        with self._database.transaction(self._tenant) as connection:
            connection.execute(statements.LOCK.encode(), [self._tenant])
            connection.execute(_VOID, [self._tenant, position])

    def _own(self, subject: UUID) -> list[str]:
        return [f"{each}/{subject}" for each in self._capabilities]

    def _clear(self, connection: Connection, subject: UUID) -> tuple[tuple[str, int], ...]:
        """Take away the subject's words, and the tokens of every value sealed under their key; how many, by view.

        Whatever version of a view it is, and whichever slot.
        """
        found, words = Counter[str](), 0
        for name, columns in connection.execute(_TABLES, [SCHEMA]).fetchall():
            if columns.keys() == _WORDS:
                words += connection.execute(_forget(name), [self._tenant, subject]).rowcount
            view = name.removeprefix("view_").removesuffix("_b").rpartition("_")[0]
            for token, sealed in _lookups(columns):
                cleared = connection.execute(_untoken(name, token, sealed), [self._tenant, _under(subject)])
                found[view] += cleared.rowcount
        return tuple((name, count) for name, count in (*sorted(found.items()), ("words", words)) if count)


def _lookups(columns: Mapping[str, bool]) -> Iterator[tuple[str, str]]:
    """The columns of tokens, each with that of the values it finds: `adapters.postgres.columns` names them.

    `columns` tells of each whether it holds bytes.
    """
    stored = [each for each, holds in columns.items() if holds]
    for token in stored:
        of = [each for each in stored if token.startswith(f"{each}_")]
        if token.endswith("_token") and of:
            yield token, max(of, key=len)


def _forget(name: str) -> sql.Composed:
    return sql.SQL("delete from {} where tenant_id = %s and subject = %s").format(sql.Identifier(SCHEMA, name))


def _untoken(name: str, token: str, sealed: str) -> sql.Composed:
    return sql.SQL(
        "update {table} set {token} = null where tenant_id = %s and {token} is not null"
        " and position(%s::bytea in {sealed}) > 0"
    ).format(table=sql.Identifier(SCHEMA, name), token=sql.Identifier(token), sealed=sql.Identifier(sealed))


def _under(subject: UUID) -> bytes:
    """How a sealed value, as it lies in a row, names its subject; what it is bound to may name others."""
    return msgspec.msgpack.encode({"subject": subject})[1:]

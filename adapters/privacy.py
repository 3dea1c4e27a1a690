"""What is kept of a subject beside the log, in one tenant's tables: found, and cleared once their key is destroyed.

Boxes stay where they lie in rows: without the key they are noise. What would still tell something are tokens, the HMACs
by which a value can be looked up or is reserved, for their key lives on.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec
from psycopg import sql

from adapters.erasures import Erasures
from adapters.postgres.database import Database
from adapters.postgres.roles import Connection
from adapters.postgres.spoken import spoken
from adapters.postgres.tables import Stored, table
from adapters.postgres.views import Views
from application.ports import Log
from application.privacy import Purged
from domain.kernel import Recorded
from projections.builds import Slot, builds
from projections.kernel import Aggregate, View
from projections.privacy import erasures
from tenants.isolation import SCHEMA

_ERASED_AT = "select erased_at from everlog.subject_keys where tenant_id = %s and subject = %s and wrapped is null"
# `adapters.parcel` and `adapters.erasures` mark those who had a key here when their erasure came from elsewhere, or was
# done again after a restore.
_BROUGHT = "select subject from everlog.subject_keys where tenant_id = %s and epoch = -1"
_CLEARED = "update everlog.subject_keys set epoch = 0 where tenant_id = %s and subject = %s and epoch = -1"
# The log has no index by subject: an erasure is rare, and reads the tenant's events once.
_ABOUT = """
    select count(*), array_agg(distinct stream) from everlog.events
    where tenant_id = %s and position(%s::bytea in meta) > 0"""
_POSITIONS = """
    select position from everlog.events
    where tenant_id = %s and position <= %s and (position(%s::bytea in meta) > 0 or stream = any(%s))
    order by position"""
_SNAPSHOTS = "delete from everlog.snapshots where tenant_id = %s and stream = any(%s)"
_RESERVATIONS = "delete from everlog.reservations where tenant_id = %s and stream = any(%s)"
SLOTS: tuple[Slot, ...] = ("a", "b")


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
        self._stored = [table(each.view, slot) for each in builds(models) for slot in SLOTS]
        self._said = [spoken(each.view, slot) for each in builds(models) if each.view.words for slot in SLOTS]
        self._capabilities = tuple(capabilities)
        self._messages = messages

    def approved(self) -> list[UUID]:
        slot = self._views.live().get((erasures.name, erasures.version), "a")
        query = sql.SQL("select subject from {} where tenant_id = %s and stage = 'approved'").format(
            sql.Identifier(SCHEMA, table(erasures, slot).table.name)
        )
        with self._database.transaction(self._tenant) as connection:
            return [subject for (subject,) in connection.execute(query, [self._tenant])]

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
        return at  # type: ignore[no-any-return] # a timestamptz, never null once the key is gone

    def level(self, generation: int, position: int) -> bool:
        views = all(each.position >= position for each in self._views.checkpoints())
        return views and self._messages.reached(self._tenant, generation, position)

    def purge(self, subject: UUID, generation: int, position: int) -> Purged:
        messages = self._messages.purge(self._tenant, subject, generation, position)
        with self._database.transaction(self._tenant) as connection:
            [(events, streams)] = connection.execute(_ABOUT, [self._tenant, str(subject).encode()]).fetchall()
            own = self._own(subject)
            tokens = tuple((each.view.name, self._clear(connection, each, subject)) for each in self._stored)
            words = sum(connection.execute(each.forget, [self._tenant, subject]).rowcount for each in self._said)
            return Purged(
                events,
                tuple((name, count) for name, count in (*tokens, ("words", words)) if count),
                connection.execute(_SNAPSHOTS, [self._tenant, [*own, *(streams or ())]]).rowcount,
                connection.execute(_RESERVATIONS, [self._tenant, own]).rowcount,
                messages,
            )

    def _own(self, subject: UUID) -> list[str]:
        return [f"{each}/{subject}" for each in self._capabilities]

    def _clear(self, connection: Connection, stored: Stored, subject: UUID) -> int:
        """Take away the tokens of every value that is sealed under the subject's key; how many those were."""
        return sum(
            connection.execute(
                sql.SQL(
                    "update {table} set {token} = null where tenant_id = %s and {token} is not null"
                    " and position(%s::bytea in {sealed}) > 0"
                ).format(
                    table=sql.Identifier(SCHEMA, stored.table.name),
                    token=sql.Identifier(lookup.column),
                    sealed=sql.Identifier(column.name),
                ),
                [self._tenant, _under(subject)],
            ).rowcount
            for column, lookup in stored.lookups
        )


def _under(subject: UUID) -> bytes:
    """How a sealed value, as it lies in a row, names its subject; what it is bound to may name others."""
    return msgspec.msgpack.encode({"subject": subject})[1:]

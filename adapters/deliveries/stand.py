"""How far each destination of one organisation has been served, and what of its log may be delivered."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import sql

from adapters.postgres.database import Database
from adapters.postgres.tables import table
from adapters.postgres.views import Views
from adapters.proofs.grove import Grove
from application.deliveries import Progress
from projections.deliveries import deliveries
from projections.proofs import tree
from tenants.isolation import SCHEMA

MARKS = """
    select destination, round, generation, position, at, tries, failing_since, why
    from everlog.delivered where tenant_id = %s"""
# Whoever woke from the dead must not take a mark back that another has moved on.
_DONE = """
    insert into everlog.delivered as stands (tenant_id, destination, round, generation, position, at)
    values (%s, %s, %s, %s, %s, clock_timestamp())
    on conflict (tenant_id, destination) do update
    set round = excluded.round, generation = excluded.generation, position = excluded.position, at = excluded.at,
        tries = 0, failing_since = null, why = ''
    where (excluded.round, excluded.generation, excluded.position)
        >= (stands.round, stands.generation, stands.position)"""
_FAILED = """
    insert into everlog.delivered as stands
        (tenant_id, destination, round, generation, position, tries, failing_since, why)
    values (%s, %s, %s, %s, %s, 1, clock_timestamp(), %s)
    on conflict (tenant_id, destination) do update
    set tries = stands.tries + 1, why = excluded.why,
        failing_since = coalesce(stands.failing_since, clock_timestamp())"""
_MET = """
    insert into everlog.delivered (tenant_id, destination, round, generation, position) values (%s, %s, 0, 0, 0)
    on conflict do nothing"""
_LEFT = """
    select d.destination from everlog.delivered d
    join everlog.subject_keys k on k.tenant_id = d.tenant_id and k.subject = d.destination and k.wrapped is not null
    where d.tenant_id = %s and d.destination <> all(%s)"""
_VIEW = deliveries.name, deliveries.version
# Until it goes on here it is delivered where it comes from, and nobody has told yet how far.
_ARRIVING = "select from everlog.heads where tenant_id = %s and closed = 'arriving'"
_BEGAN = "select min(position) from everlog.events where tenant_id = %s and generation > %s"


class Ready(Struct, frozen=True):
    """What may leave: everything up to the last checkpoint, so that each record can be proven at once."""

    generation: int
    head: int
    sealed: int


def marks(rows: Sequence[Any]) -> dict[UUID, Progress]:
    return {destination: Progress(*rest) for destination, *rest in rows}


class Stand:
    """The database's role is the worker's."""

    def __init__(self, views: Views, database: Database) -> None:
        self.tenant = views.tenant
        self._views = views
        self._database = database

    def known(self) -> tuple[int, dict[UUID, int], int]:
        """The destinations that are not paused, as the read model has them at a position: their last facts.

        Behind them that position's generation.
        """
        at = [each for each in self._views.checkpoints() if (each.view, each.version) == _VIEW]
        slot = self._views.live().get(_VIEW, "a")
        query = sql.SQL("select id, changed from {} where tenant_id = %s and stage = 'active'").format(
            sql.Identifier(SCHEMA, table(deliveries, slot).table.name)
        )
        with self._database.transaction(self.tenant) as connection:
            found = dict(connection.execute(query, [self.tenant]).fetchall())
        last = min(at, key=lambda each: (each.generation, each.position), default=None)
        return (last.position, found, last.generation) if last else (0, found, 0)

    def marks(self) -> dict[UUID, Progress]:
        return marks(self._database.query(self.tenant, MARKS, [self.tenant]))

    def meet(self, destination: UUID) -> None:
        """Remember that there is such a destination, whether or not it accepts anything."""
        self._database.query(self.tenant, _MET, [self.tenant, destination])

    def left(self, known: Iterable[UUID]) -> list[UUID]:
        """Others than these that were met, and whose secret still opens."""
        return [each for (each,) in self._database.query(self.tenant, _LEFT, [self.tenant, list(known)])]

    def done(self, destination: UUID, mark: Progress) -> None:
        known = [self.tenant, destination, mark.round, mark.generation, mark.position]
        with self._database.transaction(self.tenant) as connection:
            connection.execute(_DONE, known)

    def failed(self, destination: UUID, mark: Progress, why: str) -> None:
        known = [self.tenant, destination, mark.round, mark.generation, mark.position, why]
        with self._database.transaction(self.tenant) as connection:
            connection.execute(_FAILED, known)

    def ready(self) -> Ready:
        with self._database.snapshot(self.tenant) as connection:
            grove = self._grove(connection)
            arriving = connection.execute(_ARRIVING, [self.tenant]).fetchall()
            return Ready(grove.generation, grove.head, 0 if arriving else grove.sealed[0])

    def leaves(self, positions: Sequence[int]) -> list[bytes]:
        """The hashes of sealed events."""
        with self._database.snapshot(self.tenant) as connection:
            node = tree.tiled(self._grove(connection).tile)
            return [node(0, each - 1) for each in positions]

    def began(self, generation: int) -> int:
        """The position of the first event of a later generation than this; 1 where there is none yet."""
        [(first,)] = self._database.query(self.tenant, _BEGAN, [self.tenant, generation])
        return first or 1

    def _grove(self, connection: Any) -> Grove:
        return Grove(self.tenant, lambda sql, params: connection.execute(sql.encode(), params).fetchall())

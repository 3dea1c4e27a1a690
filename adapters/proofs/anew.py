"""A whole log read anew: every leaf, and what they add up to, against what the signer remembers of it.

The signer's memory lies outside the database and is what everything is measured by; the database's own tiles and
checkpoints only help to say where something was changed. Memory does not grow with the log.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct

from adapters.codec.leaf import Bytes, leaf
from adapters.postgres.database import Database
from adapters.postgres.silence import Connection
from adapters.proofs.grove import Grove
from adapters.proofs.sealed import Seals
from adapters.proofs.signer import Signer
from projections.proofs import note, tree
from projections.proofs.found import Findings

_PATIENCE = 600.0
"""Seconds that the database may take to begin with its answer."""
_CHUNK = 1000
_EVENTS = """
    select generation, position, recorded_at, stream, version, type, event_id, meta, body, salt
    from everlog.events where tenant_id = %s order by position"""
_VERSIONS = """
    select position, version from (
        select position, version, lag(version) over (partition by stream order by position) as before
        from everlog.events where tenant_id = %s) as followed
    where version <> coalesce(before + 1, least(version, 1)) order by position limit 100"""
"""Those of the library's streams that begin with version 0 are as sound as ours, which begin with 1."""


class Read(Struct, frozen=True):
    """How far the look went: the log's generation and events, and how many of those are sealed."""

    generation: int
    events: int
    sealed: int


class _Named(Struct):
    event: UUID


class Anew:
    """One tenant's log, all of it as it was at one moment."""

    def __init__(self, tenant: UUID, database: Database, signer: Signer, findings: Findings) -> None:
        self.tenant = tenant
        self._database = database
        self._signer = signer
        self._found = findings
        self._at: datetime | None = None
        self._generation = 0

    def look(self) -> Read:
        """Raises `signer.Refusing` where the signer's own files are damaged: there is nothing to measure by."""
        snapshot = self._database.snapshot(self.tenant)
        # While nobody signs, the signer's memory and the database are of the same moment.
        with self._signer.hold(self.tenant) as held:
            connection = snapshot.__enter__()
            grove = Grove(self.tenant, lambda sql, params: _ask(connection, sql, params))
            last = held.last
        try:
            connection.patience = _PATIENCE
            return self._look(connection, grove, self._signed(grove, last), last)
        finally:
            snapshot.__exit__(None, None, None)

    def _signed(self, grove: Grove, last: str | None) -> tuple[int, bytes]:
        """Size and root of what was signed last of this generation."""
        began = self._signer.began(self.tenant)
        if grove.generation > began:
            self._found.add("generation", f"The log stands in generation {grove.generation}; nobody began it.", 1)
        if last is None:
            return 0, tree.EMPTY
        size, root = note.parse(last)
        if last.partition("\n")[0] == note.origin(self.tenant, grove.generation):
            return size, root
        if note.generation(last) > grove.generation:
            why = f"Generation {note.generation(last)} was signed; the log stands in {grove.generation}."
            self._found.add("generation", why, size)
        return 0, tree.EMPTY

    def _look(self, connection: Connection, grove: Grove, signed: tuple[int, bytes], last: str | None) -> Read:
        before = self._signer.before(self.tenant, grove.generation)
        seals = Seals(grove, self._signer.key(self.tenant), signed, last, self._found, before)
        position = 0
        with psycopg.ServerCursor(connection, "anew") as cursor:
            cursor.itersize = _CHUNK
            for row in cursor.execute(_EVENTS, [self.tenant]):
                position = self._event(row, position, grove, seals)
        if position < max(grove.head, signed[0]):
            self._missing(position + 1, max(grove.head, signed[0]), seals)
        seals.end()
        for each, version in _ask(connection, _VERSIONS, [self.tenant]):
            self._found.add("version", f"Version {version} of its stream does not follow what is before it.", each)
        return Read(grove.generation, position, min(position, signed[0]))

    def _event(self, row: tuple[Any, ...], before: int, grove: Grove, seals: Seals) -> int:
        generation, position, at, *_ = row
        if position > before + 1:
            self._missing(before + 1, position - 1, seals)
        if position > grove.head:
            self._found.add("beyond", f"The log's head is at {grove.head}: this event was not appended.", position)
        for kind, why in _oddities(row, self._at, self._generation, grove.generation):
            self._found.add(kind, why, position)
        self._at, self._generation = max(at, self._at or at), generation
        try:
            seals.take(position, tree.leaf(leaf(Bytes(self.tenant, *row))))
        except (msgspec.MsgspecError, ValueError):
            self._found.add("unreadable", "Its metadata are not what the product writes.", position)
            seals.take(position, None)
        return int(position)

    def _missing(self, first: int, last: int, seals: Seals) -> None:
        self._found.add("missing", f"Nothing stands from position {first} to {last}.", first, last)
        seals.gap(first, last)


def _oddities(row: Sequence[Any], before: datetime | None, since: int, last: int) -> Iterator[tuple[str, str]]:
    """What no tree is needed to see of an event, beside the one before it and the log's head."""
    generation, _, at, _, _, _, event, meta, *_ = row
    if before is not None and at < before:
        yield "time", "It was recorded before the event that it follows."
    if not since <= generation <= last:
        yield "generation", f"It is of generation {generation}, in a log that went from {since} to {last}."
    try:
        named = msgspec.json.decode(meta, type=_Named).event
    except msgspec.MsgspecError:
        return
    if named != event:
        yield "event", "Its metadata name another event id than its row."


def _ask(connection: Connection, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(sql.encode(), params).fetchall()

"""A view worker as one would write it by hand for these views alone: batches, COPY, and one upsert per table.

It reads the same events over a plain connection, leaves personal values as they lie, and folds just what the tables
need: no walls, digests, parking, lookup tokens or rebuilds.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from msgspec import Raw, Struct, field

from benchmarks.kernel import Figures
from benchmarks.peers import tables

SCHEMA = "by_hand"
_BINS = 1000
_READ = b"""select position, stream, version, type, recorded_at, meta, body from everlog.events
    where tenant_id = %s and position > %s order by position limit %s"""
_PROSPECT = (
    *("id", "name", "email", "industry", "attributes", "captured_at", "changed_at", "version", "signals", "notes"),
    *("stage", "value", "currency"),
)
_BOOK = (
    *("id", "prospect", "model", "number", "at", "position", "learned", "champion", "probability", "likely"),
    *("candidates", "digest", "reasons", "outcome"),
)
_AUDIT = (
    *("position", "at", "actor_kind", "actor", "type", "capability", "resource", "version", "permission", "rule"),
    *("event", "correlation", "trace", "circumstances"),
)
Row = list[Any]


class Captured(Struct, tag="prospects.captured"):
    """A star marks what is sealed; the boxes are passed on as they lie."""

    name: Raw = field(name="*name")
    email: Raw = field(name="*email")
    attributes: Raw = field(name="*attributes")
    industry: str = ""


class Observed(Struct, tag="prospects.signal-observed"):
    pass


class Moved(Struct, tag="prospects.stage-moved"):
    entered: str


class Won(Struct, tag="prospects.won"):
    value: int
    currency: str


class Lost(Struct, tag="prospects.lost"):
    pass


class Noted(Struct, tag="prospects.noted"):
    pass


class Made(Struct, tag="predictions.made"):
    model: str
    number: int
    prospect: UUID
    position: int
    learned: int
    champion: str
    probability: float
    likely: Raw
    candidates: Raw
    digest: str
    reasons: Raw = field(name="*reasons@prospect")


class Actor(Struct):
    kind: str
    id: str


class Meta(Struct):
    event: str
    actor: Actor
    permission: str
    rule: str = ""
    correlation: str | None = None
    trace: str = ""
    circumstances: Raw = field(default_factory=Raw, name="*circumstances")


_fact = msgspec.json.Decoder(Captured | Observed | Moved | Won | Lost | Noted | Made).decode
_meta = msgspec.json.Decoder(Meta).decode


class Batch:
    """What one batch changes, folded in memory from the rows it touches."""

    def __init__(self, prospects: dict[UUID, Row], book: dict[UUID, list[Row]]) -> None:
        self.prospects = prospects
        self.book = book
        self.audit: list[Row] = []
        self.funnel: Counter[tuple[date, str, str]] = Counter()
        self.scores: Counter[tuple[date, str, int, str, int, bool]] = Counter()

    def apply(self, position: int, stream: str, version: int, type: str, at: datetime, meta: bytes, fact: Any) -> None:
        capability, id = stream[:-37], UUID(stream[-36:])
        told = _meta(meta)
        actor = told.actor
        who = (position, at, actor.kind, actor.id, type, capability, id, version)
        self.audit.append(
            [*who, told.permission, told.rule, told.event, told.correlation, told.trace, _raw(told.circumstances)]
        )
        if isinstance(fact, Made):
            self._made(id, at, fact)
        else:
            self._prospect(id, version, at, fact)

    def _prospect(self, id: UUID, version: int, at: datetime, fact: Any) -> None:
        day = at.date()
        if isinstance(fact, Captured):
            personal = (_raw(fact.name), _raw(fact.email), fact.industry, _raw(fact.attributes))
            self.prospects[id] = [id, *personal, at, at, version, 0, 0, "new", None, None]
            self.funnel[day, "new", fact.industry] += 1
            return
        row = self.prospects[id]
        row[6], row[7] = at, version
        if isinstance(fact, Observed):
            row[8] += 1
        elif isinstance(fact, Noted):
            row[9] += 1
        else:
            entered = fact.entered if isinstance(fact, Moved) else "won" if isinstance(fact, Won) else "lost"
            self.funnel[day, row[10], row[3]] -= 1
            self.funnel[day, entered, row[3]] += 1
            row[10] = entered
            if isinstance(fact, Won):
                row[11], row[12] = fact.value, fact.currency
            if not isinstance(fact, Moved):
                self._settle(id, entered, day)

    def _made(self, id: UUID, at: datetime, made: Made) -> None:
        told = (made.model, made.number, at, made.position, made.learned, made.champion, made.probability)
        sets = (str(_raw(made.likely), "utf8"), str(_raw(made.candidates), "utf8"))
        row = [id, made.prospect, *told, *sets, made.digest, _raw(made.reasons), ""]
        self.book.setdefault(made.prospect, []).append(row)
        self._score(row, at.date(), 1)

    def _settle(self, prospect: UUID, outcome: str, day: date) -> None:
        for row in self.book.get(prospect, ()):
            self._score(row, day, -1)
            row[13] = outcome
            self._score(row, day, 1)

    def _score(self, row: Row, day: date, change: int) -> None:
        likely = msgspec.json.decode(row[9])
        place = min(int(row[8] * _BINS), _BINS - 1)
        self.scores[day, row[2], place, row[13], len(likely), row[13] in likely] += change


def catch_up(events: str, url: str, tenant: UUID, expected: int, batch: int) -> Figures:
    """Events per second from empty tables to the log's end; `events` is the URL of the log's database."""
    tables.make(url, SCHEMA)
    began = time.perf_counter()
    position = 0
    with psycopg.connect(events, autocommit=True) as reading, psycopg.connect(url) as writing:
        writing.execute(f"set search_path = {SCHEMA}".encode())
        writing.execute(_like("prospects") + _like("audit") + _like("book"))
        writing.commit()
        while rows := _read(reading, tenant, position, batch):
            position = rows[-1][0]
            _write(writing, _folded(writing, rows), position)
    spent = time.perf_counter() - began
    assert tables.size(url, SCHEMA, "audit") == expected
    return {"rate": expected / spent}


def _like(table: str) -> bytes:
    return f"create temporary table new_{table} (like {table}) on commit delete rows;".encode()


def _read(connection: psycopg.Connection, tenant: UUID, position: int, batch: int) -> list[Any]:
    return connection.cursor(binary=True).execute(_READ, [tenant, position, batch]).fetchall()


def _folded(connection: psycopg.Connection, rows: Sequence[Any]) -> Batch:
    decoded = [(*row[:6], _fact(row[6])) for row in rows]
    fresh = {UUID(row[1][-36:]) for row in decoded if isinstance(row[6], Captured)}
    touched = {UUID(row[1][-36:]) for row in decoded if not isinstance(row[6], Made)} - fresh
    closed = {UUID(row[1][-36:]) for row in decoded if isinstance(row[6], Won | Lost)}
    prospects = {row[0]: row for row in _load(connection, "prospects", _PROSPECT, "id", touched)}
    book: dict[UUID, list[Row]] = {}
    for known in _load(connection, "book", _BOOK, "prospect", closed):
        book.setdefault(known[1], []).append(known)
    batch = Batch(prospects, book)
    for row in decoded:
        batch.apply(*row)
    return batch


def _load(
    connection: psycopg.Connection, table: str, columns: Sequence[str], by: str, ids: Iterable[UUID]
) -> list[Row]:
    sql = f"select {', '.join(columns)} from {table} where {by} = any(%s)"
    return [list(row) for row in connection.cursor(binary=True).execute(sql.encode(), [list(ids)])]


def _write(connection: psycopg.Connection, batch: Batch, position: int) -> None:
    """Everything of a batch and the checkpoint, in one transaction."""
    with connection.cursor() as cursor:
        _upsert(cursor, "prospects", _PROSPECT, batch.prospects.values())
        _upsert(cursor, "book", _BOOK, (row for rows in batch.book.values() for row in rows))
        _copy(cursor, "audit", _AUDIT, batch.audit)
        for table, keys, changes in (
            ("funnel", "day, stage, industry", batch.funnel),
            ("scores", "day, model, bin, outcome, size, covered", batch.scores),
        ):
            cursor.executemany(
                f"insert into {table} as t values ({', '.join(['%s'] * (keys.count(',') + 2))}) "
                f"on conflict ({keys}) do update set change = t.change + excluded.change".encode(),
                [(*key, change) for key, change in changes.items() if change],
            )
        cursor.execute(b"update checkpoint set position = %s", [position])
    connection.commit()


def _upsert(cursor: psycopg.Cursor, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    _copy(cursor, f"new_{table}", columns, rows)
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns[1:])
    cursor.execute(
        f"insert into {table} ({', '.join(columns)}) select {', '.join(columns)} from new_{table} "
        f"on conflict (id) do update set {sets}".encode()
    )


def _copy(cursor: psycopg.Cursor, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    with cursor.copy(f"copy {table} ({', '.join(columns)}) from stdin".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _raw(value: Raw) -> bytes:
    return bytes(value)

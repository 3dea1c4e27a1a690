"""A view worker as one would write it by hand for these views alone.

1,000 events a transaction, everything they change in one JSON parameter of one statement, ON CONFLICT for rows that
stand. It reads the same events over a plain connection, leaves personal values as they lie, and folds just what the
tables need: no walls, digests, parking, look-up tokens or rebuilds.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from msgspec import Raw, Struct, defstruct, field

from benchmarks.kernel import Figures
from benchmarks.peers import tables

SCHEMA = "by_hand"
_BINS = 1000
_BATCH = 1000
_READ = """select position, stream, version, type, recorded_at, meta, body from everlog.events
    where tenant_id = %s and position > %s {only} order by position limit %s"""
_ONE = "and type like 'prospects.%%'"
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
_TABLES = {
    "prospects": _PROSPECT,
    "funnel": ("day", "stage", "industry", "change"),
    "book": _BOOK,
    "scores": ("day", "model", "bin", "outcome", "size", "covered", "change"),
    "audit": _AUDIT,
}
_OF_ONE = ("prospects", "funnel")
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
    circumstances: Raw = field(default_factory=lambda: Raw(b"null"), name="*circumstances")


_fact = msgspec.json.Decoder(Captured | Observed | Moved | Won | Lost | Noted | Made).decode
_meta = msgspec.json.Decoder(Meta).decode


class Batch:
    """What one batch changes, folded in memory from the rows it touches."""

    def __init__(self, prospects: dict[UUID, Row], book: dict[UUID, list[Row]], *, whole: bool) -> None:
        self.prospects = prospects
        self._whole = whole
        self.book = book
        self.audit: list[Row] = []
        self.funnel: Counter[tuple[date, str, str]] = Counter()
        self.scores: Counter[tuple[date, str, int, str, int, bool]] = Counter()

    def apply(self, position: int, stream: str, version: int, type: str, at: datetime, meta: bytes, fact: Any) -> None:
        capability, id = stream[:-37], UUID(stream[-36:])
        if not self._whole:
            self._prospect(id, version, at, fact)
            return
        told = _meta(meta)
        actor = told.actor
        who = (position, at, actor.kind, actor.id, type, capability, id, version)
        self.audit.append(
            [*who, told.permission, told.rule, told.event, told.correlation, told.trace, told.circumstances]
        )
        if isinstance(fact, Made):
            self._made(id, at, fact)
        else:
            self._prospect(id, version, at, fact)

    def _prospect(self, id: UUID, version: int, at: datetime, fact: Any) -> None:
        day = at.date()
        if isinstance(fact, Captured):
            personal = (fact.name, fact.email, fact.industry, fact.attributes)
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
            if self._whole and not isinstance(fact, Moved):
                self._settle(id, entered, day)

    def _made(self, id: UUID, at: datetime, made: Made) -> None:
        told = (made.model, made.number, at, made.position, made.learned, made.champion, made.probability)
        sets = (str(bytes(made.likely), "utf8"), str(bytes(made.candidates), "utf8"))
        row = [id, made.prospect, *told, *sets, made.digest, made.reasons, ""]
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


class Worker:
    """Reads from the log's database and writes to the peers', the rows of all views or those of prospects alone."""

    def __init__(self, events: psycopg.Connection, rows: psycopg.Connection, tenant: UUID, *, whole: bool) -> None:
        self._events = events
        self._rows = rows
        self._tenant = tenant
        self._whole = whole
        self._read = _READ.format(only="" if whole else _ONE).encode()
        tables = _TABLES if whole else {name: _TABLES[name] for name in _OF_ONE}
        self._batch = defstruct("Given", [*tables, "position"])
        self._write = _statement(rows, tables)
        self._makes = {name: defstruct(name, columns) for name, columns in tables.items()}

    def catch_up(self) -> None:
        position = 0
        while rows := self._page(position):
            position = rows[-1][0]
            self._rows.execute(self._write, [self._given(self._folded(rows), position)], prepare=True)
            self._rows.commit()

    def _page(self, position: int) -> list[Any]:
        return self._events.cursor(binary=True).execute(self._read, [self._tenant, position, _BATCH]).fetchall()

    def _folded(self, rows: Sequence[Any]) -> Batch:
        decoded = [(*row[:6], _fact(row[6])) for row in rows]
        fresh = {UUID(row[1][-36:]) for row in decoded if isinstance(row[6], Captured)}
        touched = {UUID(row[1][-36:]) for row in decoded if not isinstance(row[6], Made)} - fresh
        closed = {UUID(row[1][-36:]) for row in decoded if self._whole and isinstance(row[6], Won | Lost)}
        prospects = {row[0]: row for row in self._load("prospects", _PROSPECT, "id", touched)}
        book: dict[UUID, list[Row]] = {}
        for known in self._load("book", _BOOK, "prospect", closed):
            book.setdefault(known[1], []).append(known)
        batch = Batch(prospects, book, whole=self._whole)
        for row in decoded:
            batch.apply(*row)
        return batch

    def _load(self, table: str, columns: Sequence[str], by: str, ids: Collection[UUID]) -> Iterable[Row]:
        if not ids:
            return []
        sql = f"select {', '.join(columns)} from {table} where {by} = any(%s)"
        return map(list, self._rows.cursor(binary=True).execute(sql.encode(), [list(ids)]))

    def _given(self, batch: Batch, position: int) -> str:
        """Everything of a batch and the checkpoint: what is sealed goes as base 64, as it stands in the log."""
        rows: dict[str, Iterable[Sequence[Any]]] = {
            "prospects": batch.prospects.values(),
            "funnel": [(*key, change) for key, change in batch.funnel.items() if change],
            "book": [row for rows in batch.book.values() for row in rows],
            "scores": [(*key, change) for key, change in batch.scores.items() if change],
            "audit": batch.audit,
        }
        made = {name: [make(*row) for row in rows[name]] for name, make in self._makes.items()}
        return msgspec.json.encode(self._batch(**made, position=position)).decode()


def _statement(connection: psycopg.Connection, tables: Mapping[str, Sequence[str]]) -> bytes:
    """Every table's upsert and the checkpoint in one statement, whose one parameter is a JSON object."""
    told = ", ".join(f"{name} json" for name in tables)
    given = f"with given as materialized (select * from json_to_record(%s::json) as d({told}, position bigint))"
    upserts = [f"new_{name} as ({_upsert(connection, name, columns)})" for name, columns in tables.items()]
    return ", ".join([given, *upserts]).encode() + b" update checkpoint set position = given.position from given"


def _upsert(connection: psycopg.Connection, table: str, columns: Sequence[str]) -> str:
    described = connection.execute(f"select {', '.join(columns)} from {table} limit 0".encode()).description or []
    types = {each.name: psycopg.adapters.types[each.type_code].name for each in described}
    told = ", ".join(f"{name} {'text' if type == 'bytea' else type}" for name, type in types.items())
    values = [f"decode(r.{name}, 'base64')" if type == "bytea" else f"r.{name}" for name, type in types.items()]
    keys = columns[:-1] if columns[-1] == "change" else columns[:1]
    sets = ", ".join(
        f"{name} = t.change + excluded.change" if name == "change" else f"{name} = excluded.{name}"
        for name in columns
        if name not in keys
    )
    return (
        f"insert into {table} as t ({', '.join(columns)}) select {', '.join(values)}"
        f" from given, json_to_recordset(given.{table}) as r({told})"
        f" on conflict ({', '.join(keys)}) do update set {sets}"
    )


def catch_up(events: str, url: str, tenant: UUID, expected: int, *, whole: bool = True) -> Figures:
    """Events per second from empty tables to the log's end; `events` is the URL of the log's database."""
    tables.make(url, SCHEMA)
    began = time.perf_counter()
    with psycopg.connect(events, autocommit=True) as reading, psycopg.connect(url) as writing:
        writing.execute(f"set search_path = {SCHEMA}".encode())
        Worker(reading, writing, tenant, whole=whole).catch_up()
    spent = time.perf_counter() - began
    if whole:
        assert tables.size(url, SCHEMA, "audit") == expected
    return {"rate": expected / spent}

"""Taking a tenant out of a parcel: as the app's role, behind the walls, into a log that nobody writes to meanwhile."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO
from uuid import UUID

from msgspec import Struct

from adapters.keyring import Ring
from adapters.ledger import Came, Erased, Ledger
from adapters.parcel.content import (
    Checkpoint,
    End,
    Event,
    Events,
    Reservations,
    Secrets,
    Served,
    Stamps,
    Subject,
    Subjects,
    decode,
)
from adapters.parcel.envelope import Header, Reader
from adapters.parcel.identity import Identity, Installation, Unfit
from adapters.postgres import wire
from adapters.postgres.database import Database
from adapters.postgres.silence import Connection
from adapters.proofs.signer import Before, Refusing
from tenants.keys import over_subject_key

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_HEAD = "select generation, position, closed from everlog.heads where tenant_id = %s"
_FOUND = "insert into everlog.heads (tenant_id, generation, closed) values (%s, %s, 'arriving')"
_EVENTS = b"""
    insert into everlog.events
    select $1, x.position, x.stream, x.version, x.type, x.event,
        timestamptz '1970-01-01 00:00+00' + x.at * interval '1 microsecond', x.meta, x.body, x.salt, x.generation
    from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        as x (position, stream, version, type, event, at, meta, body, salt, generation)"""
_KINDS = (
    wire.UUIDS,
    *(wire.ARRAY_OF[each] for each in (wire.INT8, wire.TEXT, wire.INT8, wire.TEXT, wire.UUIDS, wire.INT8)),
    *(wire.ARRAY_OF[each] for each in (wire.BYTEA, wire.BYTEA, wire.BYTEA, wire.INT4)),
)
_MOVE = """
    update everlog.heads set position = %s, recorded_at = %s
    where tenant_id = %s and position = %s and closed = 'arriving'"""
_SUBJECT = """
    insert into everlog.subject_keys as k (tenant_id, subject, epoch, wrapped, erased_at)
    select %s, x.* from unnest(%s::uuid[], %s::integer[], %s::bytea[], %s::timestamptz[]) as x
    on conflict (tenant_id, subject) do update set wrapped = null, erased_at = excluded.erased_at, epoch = -1
    where k.wrapped is not null and excluded.wrapped is null"""
"""Who had a key here is marked by an epoch that is none: what is left of them in read models is still to be cleared."""
_RESERVE = """
    insert into everlog.reservations (tenant_id, scope, token, stream)
    select %s, x.* from unnest(%s::text[], %s::bytea[], %s::text[]) as x on conflict do nothing"""
_STAMP = """
    insert into everlog.stamps (tenant_id, credential, key, request, first, last, stream, recorded_at, generation)
    select %s, x.* from unnest(%s::uuid[], %s::bytea[], %s::bytea[], %s::bigint[], %s::bigint[], %s::text[],
        %s::timestamptz[], %s::integer[]) as x on conflict do nothing"""
_SERVED = """
    insert into everlog.delivered (tenant_id, destination, round, generation, position)
    select %s, x.* from unnest(%s::uuid[], %s::integer[], %s::integer[], %s::bigint[]) as x
    on conflict (tenant_id, destination) do update
    set round = excluded.round, generation = excluded.generation, position = excluded.position"""
_OPEN = "update everlog.heads set closed = null where tenant_id = %s and closed = 'arriving'"


class Arrival(Struct, frozen=True):
    """What came: the tenant, its name, the last position of its log, and whether it goes on here."""

    tenant: UUID
    name: str
    upto: int
    here: bool


class Unpacking:
    """One parcel into one database. Cut short, it is done again from where it was."""

    def __init__(self, file: BinaryIO, sender: Installation, identity: Identity) -> None:
        """Raises `Unfit`, before anything is written, where it is not whole, not for us, or not from them."""
        self._reader = Reader(file, sender, identity)

    @property
    def header(self) -> Header:
        return self._reader.header

    def run(self, database: Database, ring: Ring, ledger: Ledger) -> Arrival:
        """Write everything down. Raises `Unfit` where the tenant's log here is not what the parcel goes on from."""
        header, name, upto = self.header, "", 0
        at = _begin(database, header)
        _came(ledger, Came(header.tenant, header.generation, datetime.now(UTC)))
        for raw in self._reader.frames():
            match decode(raw):
                case Secrets() as secrets:
                    name = secrets.name
                    ring.keys.adopt("tokens", secrets.tokens)
                    ring.keys.adopt("requests", secrets.requests)
                case Checkpoint(note, key):
                    _came(ledger, Came(header.tenant, header.generation, datetime.now(UTC), note, key))
                case Events(rows):
                    at = _write(database, header.tenant, [row for row in rows if row.position > at], at)
                case Subjects(rows):
                    _adopt(database, ring, ledger, rows)
                case Reservations() | Stamps() | Served() as beside:
                    _beside(database, header.tenant, beside)
                case End() as end:
                    upto = end.upto
        if at != upto:
            raise Unfit(f"The parcel says that the log ends at {upto}, and holds it up to {at}.")
        if header.leaves:
            database.query(header.tenant, _OPEN, [header.tenant])
        return Arrival(header.tenant, name, upto, header.leaves)


def _begin(database: Database, header: Header) -> int:
    """The position from which to go on."""
    tenant = header.tenant
    found = database.query(tenant, _HEAD, [tenant])
    if not found and not header.after:
        database.query(tenant, _FOUND, [tenant, header.generation])
        return 0
    if not found:
        raise Unfit(f"This parcel goes on from position {header.after}: bring the one before it first.")
    [(generation, position, closed)] = found
    if closed != "arriving":
        raise Unfit(f"The organisation {tenant} is here already.")
    if generation != header.generation:
        raise Unfit("The log has begun a new generation since the first parcel: it cannot go on from that one.")
    if position < header.after:
        raise Unfit(f"This parcel goes on from position {header.after}, and the log here ends at {position}.")
    return int(position)


def _beside(database: Database, tenant: UUID, frame: Reservations | Stamps | Served) -> None:
    if isinstance(frame, Reservations):
        _put(database, tenant, _RESERVE, [(each.scope, each.token, each.stream) for each in frame.rows])
        return
    if isinstance(frame, Served):
        _put(database, tenant, _SERVED, [(m.destination, m.round, m.generation, m.position) for m in frame.rows])
        return
    stamps = [
        (s.credential, s.key, s.request, s.first, s.last, s.stream, _time(s.at), s.generation) for s in frame.rows
    ]
    _put(database, tenant, _STAMP, stamps)


def _came(ledger: Ledger, came: Came) -> None:
    """Where the signer learns of it: else it signs no generation that nobody has begun here. Raises `Unfit`."""
    known = ledger.came(came.tenant)
    if known and known.generation == came.generation and came.note in ("", known.note):
        return
    try:
        Before.of(came.tenant, came)
    except Refusing as problem:
        raise Unfit(f"What was signed of the log there does not fit it: {problem}") from problem
    ledger.add([came])


def _write(database: Database, tenant: UUID, rows: Sequence[Event], at: int) -> int:
    if not rows:
        return at
    if [row.position for row in rows] != list(range(at + 1, at + 1 + len(rows))):
        raise Unfit(f"The parcel has a gap behind position {at}.")
    with database.transaction(tenant) as connection:
        connection.execute("select set_config('everlog.arriving', 'on', true)")
        moved = connection.execute(_MOVE, [rows[-1].position, _time(rows[-1].at), tenant, at])
        if moved.rowcount != 1:
            raise Unfit("Somebody else is bringing the same organisation.")
        _insert(connection, tenant, rows)
    return rows[-1].position


def _insert(connection: Connection, tenant: UUID, rows: Sequence[Event]) -> None:
    """By arrays in binary form: psycopg's own are a third of the time."""
    parameters = [
        tenant.bytes,
        wire.int8s([row.position for row in rows]),
        wire.texts([row.stream for row in rows]),
        wire.int8s([row.version for row in rows]),
        wire.texts([row.type for row in rows]),
        wire.uuids([row.event for row in rows]),
        wire.int8s([row.at for row in rows]),
        wire.blobs([row.meta for row in rows]),
        wire.blobs([row.body for row in rows]),
        wire.blobs([row.salt for row in rows]),
        wire.int4s([row.generation for row in rows]),
    ]
    result = connection.pgconn.exec_params(_EVENTS, parameters, _KINDS, [1] * len(parameters))
    if result.error_message:
        raise Unfit(f"An event of the parcel does not fit this log: {result.get_error_message()}")


def _adopt(database: Database, ring: Ring, ledger: Ledger, rows: Iterable[Subject]) -> None:
    ring.keys.provision()
    number = ring.keys.epoch
    over = ring.keys.cipher(number)
    if over is None:
        raise Unfit("The key of this month's epoch is destroyed here.")
    tenant, now = ring.tenant, datetime.now(UTC)
    gone = [Erased(tenant, each.subject, now) for each in rows if each.key is None]
    # First the ledger: whatever becomes of this database, they stay erased.
    ledger.add(gone)
    kept = [
        (
            each.subject,
            number if each.key else 0,
            over.seal(each.key, over_subject_key(tenant, number, each.subject)) if each.key else None,
            None if each.key else _time(each.erased_at) if each.erased_at else now,
        )
        for each in rows
    ]
    _put(database, tenant, _SUBJECT, kept)
    ring.forget(each.subject for each in rows)


def _put(database: Database, tenant: UUID, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        database.query(tenant, sql, [tenant, *map(list, zip(*rows, strict=True))])


def _time(micros: int) -> datetime:
    return _UNIX + timedelta(microseconds=micros)

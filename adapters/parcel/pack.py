"""Putting a tenant into a parcel: all of its log since a position, and whatever else the log's functions need."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from adapters.keyring import Ring
from adapters.parcel.content import (
    Checkpoint,
    End,
    Event,
    Events,
    Frame,
    Mark,
    Reservations,
    Reserved,
    Secrets,
    Served,
    Stamp,
    Stamps,
    Subject,
    Subjects,
    encode,
)
from adapters.parcel.envelope import Header, Writer
from adapters.parcel.identity import Identity, Installation
from adapters.postgres.database import Database
from tenants.keys import over_subject_key

T = TypeVar("T")
MANY = 2_000
_EVENTS = """
    select position, stream, version, type, event_id, (extract(epoch from recorded_at) * 1000000)::bigint, meta, body,
        salt, generation
    from everlog.events where tenant_id = %s and position > %s and position <= %s order by position limit %s"""
_SUBJECTS = """
    select subject, epoch, wrapped, (extract(epoch from erased_at) * 1000000)::bigint from everlog.subject_keys
    where tenant_id = %s and (%s or wrapped is null or subject = any(%s)) and subject > %s order by subject limit %s"""
_RESERVED = "select scope, token, stream from everlog.reservations where tenant_id = %s"
_STAMPS = """
    select credential, key, request, first, last, stream, (extract(epoch from recorded_at) * 1000000)::bigint,
        generation
    from everlog.stamps where tenant_id = %s"""
_MARKS = "select destination, round, generation, position from everlog.delivered where tenant_id = %s"
_FIRST = UUID(int=0)


class About(Struct):
    """Whose keys an event needs, read from its metadata."""

    actor: dict[str, Any]
    subjects: tuple[UUID, ...] = ()


_about = msgspec.json.Decoder(About).decode


class Packing(Struct, frozen=True):
    """What goes into a parcel: the tenant under the name it has here, from behind one position to another."""

    tenant: UUID
    name: str
    generation: int
    after: int
    upto: int
    leaves: bool
    region: str = ""
    note: str = ""
    """The last checkpoint that was signed of the log, if one was, and the verifier key that it is signed with."""
    key: str = ""


def pack(asked: Packing, database: Database, ring: Ring, file: BinaryIO, to: Installation, by: Identity) -> None:
    """Write a parcel, in constant memory but for the subjects of what is new since an earlier one."""
    header = Header(
        tenant=asked.tenant,
        generation=asked.generation,
        after=asked.after,
        sender=by.public.fingerprint,
        receiver=to.fingerprint,
        leaves=asked.leaves,
        key=b"",
        region=asked.region,
    )
    writer = Writer(file, header, to, by)
    for frame in _frames(asked, database, ring):
        writer.write(encode(frame))
    writer.write(encode(End(asked.upto)), last=True)


def _frames(asked: Packing, database: Database, ring: Ring) -> Iterator[Frame]:
    tenant = asked.tenant
    yield Secrets(ring.keys.secret("tokens"), ring.keys.secret("requests"), asked.name)
    if asked.note:
        # Before the events: nothing of them is signed there before it is known what they have to add up to.
        yield Checkpoint(asked.note, asked.key)
    touched: set[UUID] = set()
    for rows in _events(asked, database):
        if asked.after:
            touched |= _subjects_of(rows)
        yield Events(rows)
    yield from map(Subjects, _subjects(asked, database, ring, sorted(touched)))
    if not asked.leaves:
        return
    # Only now: until the log goes on there nobody asks, and what an erasure releases meanwhile is gone by then.
    reserved = [Reserved(*row) for row in database.query(tenant, _RESERVED, [tenant])]
    yield from (Reservations(list(some)) for some in _some(reserved))
    stamps = [Stamp(*row) for row in database.query(tenant, _STAMPS, [tenant])]
    yield from (Stamps(list(some)) for some in _some(stamps))
    marks = [Mark(*row) for row in database.query(tenant, _MARKS, [tenant])]
    yield from (Served(list(some)) for some in _some(marks))


def _events(asked: Packing, database: Database) -> Iterator[list[Event]]:
    at = asked.after
    while rows := database.query(asked.tenant, _EVENTS, [asked.tenant, at, asked.upto, MANY]):
        yield [Event(*row) for row in rows]
        at = rows[-1][0]


def _subjects_of(rows: Sequence[Event]) -> set[UUID]:
    found: set[UUID] = set()
    for row in rows:
        about = _about(row.meta)
        # Some things have a key under their own name, such as the secret of a destination.
        found.update(about.subjects, [UUID(about.actor["id"]), UUID(row.stream[-36:])])
    return found


def _subjects(asked: Packing, database: Database, ring: Ring, touched: Sequence[UUID]) -> Iterator[list[Subject]]:
    """Of a first parcel all; of a later one those that its events need, and whoever has been erased."""
    at = _FIRST
    given = [not asked.after, list(touched)]
    while rows := database.query(asked.tenant, _SUBJECTS, [asked.tenant, *given, at, MANY]):
        yield [
            Subject(subject, _key(ring, subject, epoch, wrapped), erased) for subject, epoch, wrapped, erased in rows
        ]
        at = rows[-1][0]


def _key(ring: Ring, subject: UUID, epoch: int, wrapped: bytes | None) -> bytes | None:
    over = ring.keys.cipher(epoch) if wrapped is not None else None
    if over is None or wrapped is None:
        return None
    return over.open(wrapped, over_subject_key(ring.tenant, epoch, subject))


def _some(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for at in range(0, len(rows), MANY):
        yield rows[at : at + MANY]

"""An atom, encoded in its caller's thread: its events, and what it claims about the tenant's log."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct

from adapters.postgres.atom import Atom, Behind, Entry
from adapters.postgres.wire import NULL, blob, blobs, int4, int8, int8s, text, texts, uuid, uuids

STREAM, SUBJECT, MINTED, RESERVED, STAMPED, TRACKED = 1, 2, 4, 8, 16, 32
"""Kinds of claims, as the SQL of the append knows them."""

Row = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]

_KIND = {kind: int4(kind) for kind in (STREAM, SUBJECT, MINTED, RESERVED, STAMPED, TRACKED)}
_NOTHING = (b"",) * 7


class Claims(Struct, frozen=True):
    """Pieces of the append's arrays, and what must not meet in one drain."""

    entries: int
    events: tuple[bytes, ...]
    """streams, versions, types, ids, metas, bodies, salts."""
    count: int
    claims: tuple[bytes, ...]
    """kinds, names, labels, subjects, keys, vals, numbers."""
    mask: int
    holds: AbstractSet[object]
    """Two atoms that hold the same thing do not share a drain."""
    reads: AbstractSet[object]
    """What no earlier atom of the drain may hold."""
    size: int
    """Bytes of the events."""


def claim(atom: Atom) -> Claims:
    """Encode an atom.

    Raises:
        Behind: two entries of a stream do not follow one another.
        ValueError: a text holds what PostgreSQL cannot.
    """
    entries = atom.entries
    streams = _streams(entries)
    mask, rows, holds = _claims(atom, streams)
    events = _events(entries)
    return Claims(
        entries=len(entries),
        events=events,
        count=len(rows),
        claims=tuple(map(b"".join, zip(*rows, strict=True))) or _NOTHING,
        mask=mask,
        holds=holds,
        reads={(MINTED, subject.int) for subject in atom.subjects},
        size=sum(map(len, events)),
    )


def _streams(entries: Sequence[Entry]) -> dict[str, int]:
    """Each stream's first version."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for entry in entries:
        stream, version = str(entry.originator_id), entry.originator_version
        if stream not in first:
            first[stream] = version
        elif last[stream] != version - 1:
            raise Behind(stream, last[stream])
        last[stream] = version
    return first


def _events(entries: Sequence[Entry]) -> tuple[bytes, ...]:
    if len(entries) == 1:
        (entry,) = entries
        return (
            text(str(entry.originator_id)),
            int8(entry.originator_version),
            text(entry.topic),
            uuid(entry.event_id),
            blob(entry.meta),
            blob(entry.state),
            blob(entry.salt),
        )
    return (
        texts([str(entry.originator_id) for entry in entries]),
        int8s([entry.originator_version for entry in entries]),
        texts([entry.topic for entry in entries]),
        uuids([entry.event_id for entry in entries]),
        blobs([entry.meta for entry in entries]),
        blobs([entry.state for entry in entries]),
        blobs([entry.salt for entry in entries]),
    )


def _claims(atom: Atom, streams: dict[str, int]) -> tuple[int, list[Row], set[object]]:
    """What the atom claims, as a mask of kinds and a row each; and what it holds (by integers: UUIDs hash slowly)."""
    mask, rows, holds = 0, list[Row](), set[object](streams)
    # The stamp first: a repeat is answered as one, whatever else stands against it.
    if stamp := atom.stamp:
        label = text(next(iter(streams))) if streams else NULL
        request = blob(stamp.request)
        rows.append((_KIND[STAMPED], NULL, label, uuid(stamp.credential), blob(stamp.key), request, NULL))
        holds.add((STAMPED, stamp.credential.int, stamp.key))
        mask |= STAMPED
    for stream, version in streams.items():
        rows.append((_KIND[STREAM], text(stream), NULL, NULL, NULL, NULL, int8(version)))
        mask |= STREAM
    for subject in atom.subjects:
        rows.append((_KIND[SUBJECT], NULL, NULL, uuid(subject), NULL, NULL, NULL))
        mask |= SUBJECT
    for minted in atom.minted:
        wrapped, epoch = blob(minted.wrapped), int8(minted.epoch)
        rows.append((_KIND[MINTED], NULL, NULL, uuid(minted.subject), NULL, wrapped, epoch))
        holds.add((MINTED, minted.subject.int))
        mask |= MINTED
    for held in atom.reservations:
        rows.append((_KIND[RESERVED], text(held.scope), text(held.stream), NULL, blob(held.token), NULL, NULL))
        holds.add((RESERVED, held.scope, held.token))
        mask |= RESERVED
    if atom.tracking:
        application, notification = atom.tracking
        rows.append((_KIND[TRACKED], text(application), NULL, NULL, NULL, NULL, int8(notification)))
        holds.add((TRACKED, application))
        mask |= TRACKED
    return mask, rows, holds

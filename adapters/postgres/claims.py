"""An atom, looked at in its caller's thread: what it claims about the tenant's log, and what must not meet it."""

from collections.abc import Sequence

from msgspec import Struct

from adapters.postgres.atom import Atom, Behind, Entry
from adapters.postgres.wire import NULL, blob, int4, int8, text, uuid

STREAM, SUBJECT, MINTED, RESERVED, STAMPED, TRACKED = 1, 2, 4, 8, 16, 32
"""Kinds of claims, as the SQL of the append knows them."""

Row = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]

_KIND = {kind: int4(kind) for kind in (STREAM, SUBJECT, MINTED, RESERVED, STAMPED, TRACKED)}


class Claims(Struct, frozen=True, gc=False):
    entries: int
    firsts: tuple[tuple[str, int], ...]
    """Each stream's first version."""
    holds: tuple[object, ...]
    """Two atoms of a tenant that hold the same thing do not share a drain. Streams are texts, keys and tokens bytes,
    subjects whole numbers, since UUIDs hash slowly: none is taken for another."""
    reads: tuple[int, ...]
    """Subjects that no earlier atom of the drain may mint."""
    likely: bool
    """Whether `everlog.put` sees all that may stand against it, with the help of the constraints alone."""
    size: int
    """Bytes of the events."""


def claim(atom: Atom) -> Claims:
    """What an atom claims.

    Raises:
        Behind: two entries of a stream do not follow one another.
        ValueError: a text holds what PostgreSQL cannot.
    """
    entries, stamp, tracking = atom.entries, atom.stamp, atom.tracking
    firsts = _firsts(entries)
    holds: list[object] = [stream for stream, _ in firsts]
    for stream, _ in firsts:
        _check(stream)
    if stamp:
        holds.append(stamp.key)
    holds += [minted.subject.int for minted in atom.minted]
    for held in atom.reservations:
        _check(held.scope)
        holds.append(held.token)
    if tracking:
        _check(tracking[0])
        holds.append((TRACKED, tracking[0]))
    size = 0
    for entry in entries:
        _check(entry.type)
        size += len(entry.meta) + len(entry.body) + _BESIDES
    # That a stream begins with version 0, as some of the library's do, is no constraint's business.
    likely = tracking is None and all(first for _, first in firsts)
    reads = tuple([subject.int for subject in atom.subjects])
    return Claims(len(entries), firsts, tuple(holds), reads, likely, size)


_BESIDES = 150
"""Bytes of an entry's stream, type, numbers, id and salt, roughly."""


def _check(name: str) -> None:
    """Raises `ValueError` on what PostgreSQL's text cannot hold: the character 0 and lone surrogates."""
    if "\0" in name:
        raise ValueError("A text may not hold the character 0.")
    if not name.isascii():
        name.encode()


def _firsts(entries: Sequence[Entry]) -> tuple[tuple[str, int], ...]:
    if len(entries) == 1:
        return ((entries[0].stream, entries[0].version),)
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for entry in entries:
        stream, version = entry.stream, entry.version
        if stream not in first:
            first[stream] = version
        elif last[stream] != version - 1:
            raise Behind(stream, last[stream])
        last[stream] = version
    return tuple(first.items())


def rows(atom: Atom, firsts: Sequence[tuple[str, int]]) -> tuple[int, list[Row]]:
    """What the atom claims, encoded for the append: a mask of kinds, and a row each."""
    mask, found = 0, list[Row]()
    # The stamp first: a repeat is answered as one, whatever else stands against it.
    if stamp := atom.stamp:
        label = text(firsts[0][0]) if firsts else NULL
        request = blob(stamp.request)
        found.append((_KIND[STAMPED], NULL, label, uuid(stamp.credential), blob(stamp.key), request, NULL))
        mask |= STAMPED
    for stream, version in firsts:
        found.append((_KIND[STREAM], text(stream), NULL, NULL, NULL, NULL, int8(version)))
        mask |= STREAM
    for subject in atom.subjects:
        found.append((_KIND[SUBJECT], NULL, NULL, uuid(subject), NULL, NULL, NULL))
        mask |= SUBJECT
    for minted in atom.minted:
        wrapped, epoch = blob(minted.wrapped), int8(minted.epoch)
        found.append((_KIND[MINTED], NULL, NULL, uuid(minted.subject), NULL, wrapped, epoch))
        mask |= MINTED
    for held in atom.reservations:
        found.append((_KIND[RESERVED], text(held.scope), text(held.stream), NULL, blob(held.token), NULL, NULL))
        mask |= RESERVED
    if atom.tracking:
        application, notification = atom.tracking
        found.append((_KIND[TRACKED], text(application), NULL, NULL, NULL, NULL, int8(notification)))
        mask |= TRACKED
    return mask, found

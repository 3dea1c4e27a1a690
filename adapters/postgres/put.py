"""A drain written without looking first: the database's own constraints refuse what does not fit, and then all of it.

Most appends are refused by nothing. To look for what may stand against each costs more than to write it, so that is
left to `everlog.append`, and done where a drain was refused.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from adapters.postgres import wire
from adapters.postgres.atom import Entry, Minted, Reservation, Stamp
from adapters.postgres.wire import ARRAY_OF, BOOL, BYTEA, INT4, INT8, TEXT, UUIDS

if TYPE_CHECKING:
    from adapters.postgres.drain import Group, Waiting

NAME = b"put"
_TENANTS = (UUIDS, INT4, INT4, UUIDS, INT4, TEXT, INT8)
_EVENTS = (INT4, INT4, TEXT, INT8, TEXT, UUIDS, BYTEA, BYTEA, BYTEA)
_MINTED = (INT4, UUIDS, INT4, BYTEA)
_RESERVED = (INT4, TEXT, BYTEA, TEXT)
_STAMPED = (INT4, UUIDS, BYTEA, BYTEA, INT4, INT4, TEXT)

TYPES = (BOOL, *(ARRAY_OF[kind] for kind in (*_TENANTS, *_EVENTS, *_MINTED, *_RESERVED, *_STAMPED)))
"""The types of the parameters of `everlog.put`."""
SQL = b"select * from everlog.put(%s)" % b", ".join(b"$%d" % n for n in range(1, len(TYPES) + 1))


class _Columns:
    """What a drain holds, each kind in a list with the number of its tenant in another."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.live: list[UUID] = []
        self.live_ends: list[int] = []
        self.known: list[tuple[str, int]] = []
        self.known_ends: list[int] = []
        self.entries: list[Entry] = []
        self.whose: list[int] = []
        self.ranks: list[int] = []
        self.minted: list[Minted] = []
        self.minters: list[int] = []
        self.reserved: list[Reservation] = []
        self.reservers: list[int] = []
        self.stamps: list[Stamp] = []
        self.stampers: list[int] = []
        self.spans: list[tuple[int, int, str | None]] = []
        """Of each stamp: its atom's first and last rank among the tenant's events, and its stream."""

    def add(self, number: int, members: Sequence["Waiting"]) -> None:
        """One tenant's atoms."""
        rank, live = 0, dict[int, UUID]()
        for waiting in members:
            atom, claims = waiting.atom, waiting.claims
            for subject in atom.subjects:
                live[subject.int] = subject
            for stream, first in claims.firsts:
                if first > 1:
                    self.known.append((stream, first - 1))
            if atom.minted:
                self.minted += atom.minted
                self.minters += [number] * len(atom.minted)
            if atom.reservations:
                self.reserved += atom.reservations
                self.reservers += [number] * len(atom.reservations)
            if atom.stamp:
                self.stamps.append(atom.stamp)
                self.stampers.append(number)
                # An atom without events is stamped with an empty span at the tenant's position before the drain.
                span = (rank + 1, rank + claims.entries, claims.firsts[0][0]) if claims.entries else (1, 0, None)
                self.spans.append(span)
            self.entries += atom.entries
            rank += claims.entries
        self.counts.append(rank)
        self.live += live.values()
        self.live_ends.append(len(self.live))
        self.known_ends.append(len(self.known))
        self.whose += [number] * rank
        self.ranks += range(1, rank + 1)

    def encoded(self, tenants: Sequence[UUID]) -> Iterator[bytes]:
        yield b"\x01" if len(tenants) == 1 else b"\x00"
        yield wire.uuids(tenants)
        yield wire.int4s(self.counts)
        yield wire.int4s(self.live_ends)
        yield wire.uuids(self.live)
        yield wire.int4s(self.known_ends)
        yield wire.texts([stream for stream, _ in self.known])
        yield wire.int8s([version for _, version in self.known])
        yield wire.int4s(self.whose)
        yield wire.int4s(self.ranks)
        yield wire.texts([each.stream for each in self.entries])
        yield wire.int8s([each.version for each in self.entries])
        yield wire.texts([each.type for each in self.entries])
        yield wire.uuids([each.event_id for each in self.entries])
        yield wire.blobs([each.meta for each in self.entries])
        yield wire.blobs([each.body for each in self.entries])
        yield wire.blobs([each.salt for each in self.entries])
        yield from self._besides()

    def _besides(self) -> Iterator[bytes]:
        """What commits together with the events."""
        yield wire.int4s(self.minters)
        yield wire.uuids([each.subject for each in self.minted])
        yield wire.int4s([each.epoch for each in self.minted])
        yield wire.blobs([each.wrapped for each in self.minted])
        yield wire.int4s(self.reservers)
        yield wire.texts([each.scope for each in self.reserved])
        yield wire.blobs([each.token for each in self.reserved])
        yield wire.texts([each.stream for each in self.reserved])
        yield wire.int4s(self.stampers)
        yield wire.uuids([each.credential for each in self.stamps])
        yield wire.blobs([each.key for each in self.stamps])
        yield wire.blobs([each.request for each in self.stamps])
        yield wire.int4s([first for first, _, _ in self.spans])
        yield wire.int4s([last for _, last, _ in self.spans])
        yield wire.texts([stream for _, _, stream in self.spans])


def parameters(groups: Sequence["Group"]) -> list[bytes]:
    """The parameters of the put, tenants and their atoms in the order given; all of them `Claims.likely`."""
    columns = _Columns()
    for number, (_, members) in enumerate(groups, 1):
        columns.add(number, members)
    return list(columns.encoded([tenant for tenant, _ in groups]))

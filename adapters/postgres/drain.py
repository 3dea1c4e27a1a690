"""One drain: what several callers' atoms become on the wire, and what the answer means for each."""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec

from adapters.postgres import wire
from adapters.postgres.atom import (
    Atom,
    Behind,
    Committed,
    Gone,
    Minting,
    Reserved,
    Restamped,
    Tracked,
    Unfounded,
)
from adapters.postgres.claims import Claims

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_INT8 = struct.Struct(">q")

_EVENTS = (wire.TEXT, wire.INT8, wire.TEXT, wire.UUIDS, wire.BYTEA, wire.BYTEA, wire.BYTEA)
_CLAIMS = (wire.INT4, wire.TEXT, wire.TEXT, wire.UUIDS, wire.BYTEA, wire.BYTEA, wire.INT8)

TYPES = tuple(
    [wire.ARRAY_OF[wire.UUIDS], wire.BOOL]
    + [wire.ARRAY_OF[kind] for kind in (*(wire.INT4,) * 4, *_EVENTS, wire.INT4, *_CLAIMS)]
)
"""The types of the parameters of `everlog.append`."""
SQL = b"select * from everlog.append(%s)" % b", ".join(b"$%d" % n for n in range(1, len(TYPES) + 1))


_REFUSALS: Mapping[str, Callable[..., Exception]] = {
    "behind": Behind,
    "reserved": Reserved,
    "gone": Gone,
    "minting": Minting,
    "restamped": Restamped,
    "tracked": Tracked,
}


class Waiting:
    """An atom on its way: whose it is, and who waits for it."""

    __slots__ = ("atom", "claims", "doubt", "future", "sent", "since", "tenant", "tries")

    def __init__(self, tenant: UUID, atom: Atom, claims: Claims, since: float) -> None:
        self.tenant = tenant
        self.atom = atom
        self.claims = claims
        self.since = since
        self.future: Future[Committed] = Future()
        self.sent = False
        self.tries = 0
        self.doubt = False
        """It may have been written by a connection that was lost."""


class Answer(msgspec.Struct, frozen=True):
    """What became of one tenant's atoms."""

    base: int | None
    """The position before the first of them; None where the tenant's head is held by another writer, or missing."""
    at: datetime
    generation: int
    behind: int
    """Microseconds by which the server's clock had gone back."""
    refusals: dict[int, list[Any]]
    missing: bool

    @property
    def busy(self) -> bool:
        return self.base is None and not self.missing


def parameters(groups: Sequence[tuple[UUID, Sequence[Waiting]]]) -> list[bytes]:
    """The parameters of the append, tenants and their atoms in the order given."""
    atoms = [waiting.claims for _, members in groups for waiting in members]
    entries, claims = sum(atom.entries for atom in atoms), sum(atom.count for atom in atoms)
    event_ends, claim_ends, masks = [], [], []
    events = counted = 0
    for _, members in groups:
        mask = 0
        for waiting in members:
            events += waiting.claims.entries
            counted += waiting.claims.count
            mask |= waiting.claims.mask
        event_ends.append(wire.int4(events))
        claim_ends.append(wire.int4(counted))
        masks.append(wire.int4(mask))
    return [
        wire.array(wire.UUIDS, len(groups), [wire.uuid(tenant) for tenant, _ in groups]),
        b"\x01" if len(groups) == 1 else b"\x00",
        wire.array(wire.INT4, len(groups), event_ends),
        wire.array(wire.INT4, len(groups), claim_ends),
        wire.array(wire.INT4, len(groups), masks),
        wire.array(wire.INT4, entries, [wire.int4(n) * atom.entries for n, atom in enumerate(atoms)]),
        *_columns(_EVENTS, entries, (atom.events for atom in atoms)),
        wire.array(wire.INT4, claims, [wire.int4(n) * atom.count for n, atom in enumerate(atoms)]),
        *_columns(_CLAIMS, claims, (atom.claims for atom in atoms)),
    ]


def _columns(kinds: Iterable[int], count: int, pieces: Iterable[tuple[bytes, ...]]) -> Iterator[bytes]:
    for kind, column in zip(kinds, zip(*pieces, strict=True), strict=True):
        yield wire.array(kind, count, column)


def grouped(batch: Iterable[Waiting]) -> list[tuple[UUID, list[Waiting]]]:
    """By tenant, in the one order in which all writers lock heads; each tenant's atoms stay in theirs."""
    ordered = sorted(batch, key=lambda waiting: waiting.tenant.int)
    return [(tenant, list(members)) for tenant, members in groupby(ordered, key=lambda waiting: waiting.tenant)]


def answer(row: Sequence[bytes | None]) -> Answer:
    """One row of the append's answer, in binary form."""
    base, at, generation, behind, refusals, missing = row
    if base is None or at is None or generation is None or behind is None:
        return Answer(None, _EPOCH, 0, 0, {}, missing == b"\x01")
    told: dict[int, list[Any]] = {}
    # The first byte of binary jsonb is its version. The first refusal of an atom is the one that counts.
    for number, *why in msgspec.json.decode(refusals[1:]) if refusals else ():
        told.setdefault(number, why)
    return Answer(
        base=_INT8.unpack(base)[0],
        at=_EPOCH + timedelta(microseconds=_INT8.unpack(at)[0]),
        generation=int.from_bytes(generation, "big"),
        behind=_INT8.unpack(behind)[0],
        refusals=told,
        missing=False,
    )


def outcomes(said: Answer, start: int, members: Sequence[Waiting]) -> Iterator[tuple[Waiting, Committed | Exception]]:
    """What each of a tenant's atoms is told; `start` is the number of the first of them in the drain."""
    if said.missing:
        yield from ((waiting, Unfounded(f"Tenant {waiting.tenant} has no log here.")) for waiting in members)
    if said.base is None:
        return
    position = said.base
    for number, waiting in enumerate(members, start):
        if why := said.refusals.get(number):
            yield waiting, refusal(why)
        elif entries := waiting.claims.entries:
            yield waiting, Committed(position + 1, position + entries, said.at, said.generation)
            position += entries
        else:
            yield waiting, Committed(said.base + 1, said.base, said.at, said.generation)


def refusal(why: list[Any]) -> Committed | Exception:
    """What the append said of an atom that it did not write."""
    match why:
        case ["repeated", first, last, micros, generation]:
            return Committed(first, last, _UNIX + timedelta(microseconds=micros), generation, repeated=True)
        case [str(code), *about] if code in _REFUSALS:
            return _REFUSALS[code](*about)
    return RuntimeError(f"The append answered {why}.")

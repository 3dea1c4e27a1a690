"""One drain: what several callers' atoms become on the wire, and what the answer means for each."""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec

from adapters.postgres import claims, wire
from adapters.postgres.atom import (
    Atom,
    Behind,
    Committed,
    Entry,
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

NAME = b"append"
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

    __slots__ = ("atom", "claims", "done", "doubt", "since", "tell", "tenant", "tries")

    def __init__(
        self, tenant: UUID, atom: Atom, claims: Claims, since: float, tell: Callable[[Committed | Exception], None]
    ) -> None:
        self.tenant = tenant
        self.atom = atom
        self.claims = claims
        self.since = since
        self.tell = tell
        """Called once, in the lane's thread."""
        self.done = False
        self.tries = 0
        self.doubt = False
        """It may have been written by a connection that was lost."""


Group = tuple[UUID, Sequence[Waiting]]
"""A tenant, and its atoms in a drain."""


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


def parameters(groups: Sequence[Group]) -> list[bytes]:
    """The parameters of the append, tenants and their atoms in the order given."""
    entries, owners = list[Entry](), list[int]()
    rows, claimants = list[claims.Row](), list[int]()
    event_ends, claim_ends, masks = list[int](), list[int](), list[int]()
    number = 0
    for _, members in groups:
        mask = 0
        for waiting in members:
            kinds, claimed = claims.rows(waiting.atom, waiting.claims.firsts)
            mask |= kinds
            rows += claimed
            claimants += [number] * len(claimed)
            entries += waiting.atom.entries
            owners += [number] * waiting.claims.entries
            number += 1
        event_ends.append(len(entries))
        claim_ends.append(len(rows))
        masks.append(mask)
    return [
        wire.uuids([tenant for tenant, _ in groups]),
        b"\x01" if len(groups) == 1 else b"\x00",
        wire.int4s(event_ends),
        wire.int4s(claim_ends),
        wire.int4s(masks),
        wire.int4s(owners),
        *_events(entries),
        wire.int4s(claimants),
        *(wire.array(kind, len(rows), [row[at] for row in rows]) for at, kind in enumerate(_CLAIMS)),
    ]


def _events(entries: Sequence[Entry]) -> Iterator[bytes]:
    yield wire.texts([each.stream for each in entries])
    yield wire.int8s([each.version for each in entries])
    yield wire.texts([each.type for each in entries])
    yield wire.uuids([each.event_id for each in entries])
    yield wire.blobs([each.meta for each in entries])
    yield wire.blobs([each.body for each in entries])
    yield wire.blobs([each.salt for each in entries])


def grouped(batch: Iterable[Waiting]) -> list[Group]:
    """By tenant, in the one order in which all writers lock heads; each tenant's atoms stay in theirs."""
    ordered = sorted(batch, key=attrgetter("tenant.int"))
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

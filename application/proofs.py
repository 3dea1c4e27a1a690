"""What is proven of an organisation's record; and what is recorded of it: by a look at all of it, by witnesses."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol, runtime_checkable
from uuid import UUID, uuid4

from msgspec import Struct

from application.kernel import Command
from application.ports import Log
from domain import proofs as domain
from domain.kernel import Actor, Fact, Meta
from domain.proofs import Checked, proofs
from tenants.context import SYSTEM

WAIT = 30.0
"""Seconds that a fact may take to be recorded."""


class Inclusion(Struct, frozen=True, kw_only=True, tag_field="everlog", tag="inclusion/1"):
    """That an event is in a sealed tree. The bytes stand in docs/reference/proof-format.md."""

    origin: str
    index: int
    """The leaf's, from 0: the event's position less one."""
    size: int
    entry: str
    path: list[str]
    checkpoint: str
    key: str


class Witnessed(Struct, frozen=True, kw_only=True):
    """A witness that is asked, and how far it has cosigned."""

    name: str
    key: str
    """Its verifier key."""
    size: int
    """Of the last tree that it cosigned, in events; 0 where it has cosigned none."""
    cosigned_at: datetime | None
    """When, by its own clock."""
    sealed: int
    """The last tree's size."""


class Consistency(Struct, frozen=True, kw_only=True, tag_field="everlog", tag="consistency/1"):
    """That a sealed tree is the beginning of a later one."""

    origin: str
    first: int
    second: int
    path: list[str]
    old: str
    checkpoint: str
    key: str


@runtime_checkable
class Proofs(Protocol):
    """What was sealed of tenants' logs. Synchronous; all but tiles raise `Refused` with `proofs.unsealed`."""

    def checkpoint(self, tenant: UUID, cosigned: int = 0) -> str:
        """The last signed note, with the lines of its witnesses; with a number, the last that so many have cosigned.

        Raises `Refused` with `proofs.uncosigned` where there is none of those.
        """
        ...

    def inclusion(self, tenant: UUID, position: int, size: int | None) -> Inclusion: ...

    def offline(self, tenant: UUID, position: int, cosigned: int = 0) -> str:
        """An inclusion proof as `c2sp.org/tlog-proof` writes it, under the checkpoint that `checkpoint` answers."""
        ...

    def consistency(self, tenant: UUID, first: int, second: int | None) -> Consistency: ...

    def bundle(self, tenant: UUID, choice: Any) -> Iterator[bytes]:
        """The lines of a bundle of what a `projections.proofs.chosen.Choice` names; refused before the first."""
        ...

    def tile(self, tenant: UUID, level: int, index: int, width: int) -> bytes:
        """The first `width` hashes of a tile of the tree. Raises `Refused` with `proofs.unknown-tile`."""
        ...

    def entries(self, tenant: UUID, index: int, width: int) -> list[bytes]:
        """The first `width` of the 256 leaf entries that begin at 256 times `index`. Raises as `tile` does."""
        ...

    def witnesses(self, tenant: UUID) -> list[Witnessed]:
        """Those that are asked. Raises nothing."""
        ...

    def leaves(self, tenant: UUID, positions: Sequence[int]) -> dict[int, bytes]:
        """The hashes of the leaves at these positions; what is not sealed yet is missing."""
        ...


class Looked(Struct, frozen=True, omit_defaults=True):
    """The last look at a whole record."""

    at: datetime
    """When it began; before the first, since when one is due."""
    sound: bool | None = None
    """What it found; None before the first."""
    withheld: bool = False
    """Whether its owner had closed its keys then, so that it could not be looked at; `sound` is of the look before."""


class Looks(Protocol):
    """What is remembered of looks, out of reach of whoever owns the database."""

    def last(self, tenant: UUID) -> Looked | None: ...

    def put(self, tenant: UUID, looked: Looked) -> None: ...

    def all(self) -> dict[str, datetime]:
        """When each tenant that there ever was here was looked at last, by its id; none that was forgotten."""
        ...


class Check(Command, frozen=True, kw_only=True):
    """Records what was found. The stream's id is the organisation's."""

    permission: ClassVar = "proofs.check"
    stream: ClassVar = proofs
    found: Checked

    def decide(self, _: domain.Proofs) -> list[Fact]:
        return [self.found]


def hear(log: Log, witness: str, why: str) -> None:
    """Record that a witness disputes the log's history, and why, or with "" that it cosigns again.

    What is on record already is not recorded again. Raises what the log does.
    """
    stream = f"{proofs.name}/{log.tenant}"
    known = [each.fact for each in log.stream(stream)]
    state = proofs.fold(known)
    facts = domain.dispute(state, witness, why) if why else domain.agree(state, witness)
    if facts:
        meta = Meta(event=uuid4(), actor=Actor("system", SYSTEM), permission=Check.permission)
        log.submit(stream, len(known), facts, meta).result(WAIT)

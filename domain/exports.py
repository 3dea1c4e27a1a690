"""An export of the trail: what was asked for, and what left in answer to it."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from domain.kernel import Decider, Fact, Personal, Refused

Format = Literal["csv", "ndjson", "ocsf"]


class Begun(Fact, frozen=True, tag="exports.begun"):
    """Recorded before the first record leaves."""

    format: Format
    filter: tuple[tuple[str, str], ...]
    """Names and values, as they were asked for; a value that may be about a person is empty, and stands in `sought`.
    Before there was that, it stood here."""
    generation: int
    upto: int
    """The log's last position then: what is recorded later is no part of the export."""
    circumstances: bool
    """Whether addresses, sessions, user agents and reasons left too, in the clear."""
    bundle: bool = False
    """Whether it is no part of the trail, but events with their proofs."""
    under: UUID = UUID(int=0)
    """Under whose key `sought` is: of the user or key that asked, of the export itself where that was neither."""
    sought: Annotated[Personal[tuple[tuple[str, str], ...]], Meta(extra={"subject": "under"})] = ()


class Ended(Fact, frozen=True, tag="exports.ended"):
    """What left, also where whoever asked hung up before the end."""

    rows: int
    first: int
    """The position of the first record; 0 where there is none."""
    last: int
    size: int
    """In bytes."""
    digest: str
    """SHA-256 of these bytes, in hexadecimal digits."""
    whole: bool


class Export(Struct, frozen=True):
    begun: Begun | None = None
    ended: Ended | None = None


def evolve(export: Export, fact: Begun | Ended) -> Export:
    match fact:
        case Begun():
            return replace(export, begun=fact)
        case Ended():
            return replace(export, ended=fact)


def begin(export: Export, begun: Begun) -> list[Fact]:
    if export.begun not in (None, begun):
        raise Refused("exports.exists")
    return [] if export.begun else [begun]


def end(export: Export, ended: Ended) -> list[Fact]:
    if export.begun is None:
        raise Refused("exports.unknown")
    if export.ended not in (None, ended):
        raise Refused("exports.exists")
    return [] if export.ended else [ended]


exports = Decider("exports", Begun | Ended, Export(), evolve)

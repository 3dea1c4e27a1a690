"""What stood at a moment of the past: a stream's facts up to there, straight from the log."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from api.call import Call
from api.edge import Edge
from api.problems import Problem
from api.shapes import YEARS
from domain.kernel import Erased, Recorded, Sealed, Unreadable

Moment = Annotated[
    str,
    Meta(
        pattern=r"^(?:[0-9]{1,18}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
        r"(?:Z|[+-][0-9]{2}:[0-9]{2}))$",
        description="A position of the log, or a time as in RFC 3339: what was recorded up to then counts.",
    ),
]


class AsOf(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    as_of: Moment | UnsetType = UNSET


class At(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    at: Moment | UnsetType = UNSET


async def upto(edge: Edge, call: Call, stream: str, moment: str | None) -> list[Recorded]:
    """All of the stream's facts where no moment is named. Raises `Problem` for a position that the log has not."""
    log = edge.logs.of(call.caller.tenant)
    last = await until(edge, call.caller.tenant, moment)
    found = [each for each in await log.history(stream) if before(each, last)]
    if any(isinstance(each.fact, Unreadable) for each in found):
        # A fold that passes over a fact would tell of a state that never was.
        raise RuntimeError(f"{stream} holds a fact that this version of the program cannot read")
    return found


async def until(edge: Edge, tenant: UUID, moment: str | None) -> int | datetime | None:
    """A moment as it was meant."""
    if moment is None:
        return None
    if not moment.isdecimal():
        return _time(moment)
    position = int(moment)
    _, last = await asyncio.to_thread(edge.logs.of(tenant).head)
    if position > last:
        raise Problem("query.position", details={"position": position, "last": last})
    return position


def before(recorded: Recorded, moment: int | datetime | None) -> bool:
    """Whether it was recorded by then; times never decrease within a log."""
    if moment is None:
        return True
    return recorded.position <= moment if isinstance(moment, int) else recorded.at <= moment


def marks(value: Any, path: str = "") -> Iterator[tuple[str, Sealed | Erased]]:
    """Where in a state something is sealed or erased."""
    if isinstance(value, Sealed | Erased):
        yield path, value
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from marks(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, tuple | list):
        for number, each in enumerate(value):
            yield from marks(each, f"{path}.{number}")
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from marks(each, f"{path}.{name}" if path else str(name))


def _time(text: str) -> datetime:
    try:
        found = msgspec.convert(text, datetime)
    except msgspec.ValidationError as problem:
        raise Problem("request.invalid", f"{problem}, the moment") from problem
    if found.year not in YEARS:
        raise Problem("request.invalid", "The year is out of range")
    return found

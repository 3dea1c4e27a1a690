"""The demo's applications as the facts of a log: captured, their codes observed, and decided 100 captures later."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import count
from uuid import UUID

import msgspec
from msgspec import Struct

from domain.kernel import Actor, Fact, Meta, Recorded
from domain.prospects import Captured, Lost, SignalObserved, Won

LAG = 100
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_META = Meta(UUID(int=1), Actor("system", UUID(int=2)), "prospects.capture")


class Application(Struct, frozen=True):
    won: bool
    attributes: dict[str, float]
    codes: tuple[str, ...]


@cache
def applications() -> tuple[Application, ...]:
    packed = (files("deploy") / "demo" / "grants.ndjson.gz").read_bytes()
    return tuple(msgspec.json.decode(line, type=Application) for line in gzip.decompress(packed).splitlines())


def recorded(most: int) -> list[Recorded]:
    """The facts of the first so many applications, opened, in log order."""
    positions = count(1)
    return [
        Recorded(
            position := next(positions),
            f"prospects/{UUID(int=number)}",
            version,
            _BEGAN + timedelta(seconds=position),
            _META,
            fact,
        )
        for number, version, fact in _facts(applications()[:most])
    ]


def _facts(some: tuple[Application, ...]) -> Iterator[tuple[int, int, Fact]]:
    for number, each in enumerate(some):
        # Before the next capture: the model learns what is known by then and nothing later.
        if number >= LAG:
            decided = some[number - LAG]
            yield number - LAG, 3, Won("new", 1, "EUR") if decided.won else Lost("new", "declined")
        attributes = tuple(sorted(each.attributes.items()))
        yield number, 1, Captured(f"Person {number}", f"person{number}@example.org", "", attributes)
        yield number, 2, SignalObserved("application", 1.0, each.codes)

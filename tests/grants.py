"""The demo's applications as a log: captured, one signal of codes, won or lost just before the 100th capture after."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec

from domain.kernel import Actor, Fact, Meta, Recorded
from domain.prospects import Captured, Lost, SignalObserved, Won

LAG = 100
FILE = Path(__file__).parent.parent / "deploy" / "demo" / "grants.ndjson.gz"
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


class Application(msgspec.Struct, frozen=True):
    won: bool
    attributes: dict[str, float]
    codes: tuple[str, ...]


def applications(count: int) -> list[Application]:
    with gzip.open(FILE) as lines:
        return [msgspec.json.decode(line, type=Application) for line, _ in zip(lines, range(count), strict=False)]


def recorded(position: int, number: int, fact: Fact, version: int = 1) -> Recorded:
    meta = Meta(event=UUID(int=position), actor=Actor("key", UUID(int=7)), permission="prospects.capture")
    return Recorded(position, f"prospects/{UUID(int=number + 1)}", version, WHEN, meta, fact)


def log(rows: list[Application]) -> Iterator[Recorded]:
    return (recorded(position, number, fact) for position, (number, fact) in enumerate(_facts(rows), 1))


def _facts(rows: list[Application]) -> Iterator[tuple[int, Fact]]:
    for number, row in enumerate(rows):
        if number >= LAG:
            yield number - LAG, outcome(rows[number - LAG].won)
        yield number, Captured("Ada", f"{number}@example.org", "research", tuple(sorted(row.attributes.items())))
        yield number, SignalObserved("codes", 1.0, row.codes)


def outcome(won: bool) -> Won | Lost:
    return Won("new", 1, "EUR") if won else Lost("new", "declined")

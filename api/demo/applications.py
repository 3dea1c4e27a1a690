"""The demo's input: real grant applications, each with a made-up person, as the commands a client app would send."""

import gzip
import random
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct

LAG = 100
"""The data have no dates of decision: each outcome becomes known so many captures later."""

FIRST = (
    "Ada",
    "Alan",
    "Barbara",
    "Carl",
    "Donald",
    "Edith",
    "Emmy",
    "Grace",
    "Hedy",
    "Ivan",
    "Jean",
    "Karen",
    "Leslie",
)
LAST = ("Abbott", "Brandt", "Castro", "Dupont", "Eriksen", "Fischer", "Garcia", "Hansen", "Ito", "Jansen", "Kovacs")


class Application(Struct, frozen=True):
    won: bool
    attributes: dict[str, float]
    codes: tuple[str, ...]


class Person(Struct, frozen=True):
    name: str
    email: str


@cache
def applications() -> tuple[Application, ...]:
    """All of them, in the order of `deploy/demo/PROVENANCE.md`."""
    packed = (files("deploy") / "demo" / "grants.ndjson.gz").read_bytes()
    decoder = msgspec.json.Decoder(Application)
    return tuple(decoder.decode(line) for line in gzip.decompress(packed).splitlines())


def shuffled(seed: int) -> tuple[Application, ...]:
    """The same in another order."""
    order = list(applications())
    random.Random(seed).shuffle(order)  # noqa: S311 - an order, not a secret
    return tuple(order)


def person(number: int) -> Person:
    """Made up: the data hold nobody. The address's domain is reserved for documentation (RFC 2606)."""
    first, last = FIRST[number % len(FIRST)], LAST[number // len(FIRST) % len(LAST)]
    return Person(f"{first} {last}", f"{first}.{last}.{number}@example.org".lower())


def prospect(tenant: UUID, number: int) -> UUID:
    return uuid5(tenant, f"application {number}")


def commands(tenant: UUID, rows: tuple[Application, ...]) -> Iterator[dict[str, Any]]:
    """Each application is captured and followed by one signal; before the hundredth capture after it, it is decided."""
    for number, row in enumerate(rows):
        if number >= LAG:
            yield _decided(tenant, number - LAG, rows[number - LAG])
        id = prospect(tenant, number)
        who = person(number)
        yield _command(id, "capture", name=who.name, email=who.email, industry="research", attributes=row.attributes)
        yield _command(id, "observe", kind="codes", strength=1.0, codes=row.codes)
    for number in range(max(len(rows) - LAG, 0), len(rows)):
        yield _decided(tenant, number, rows[number])


def _decided(tenant: UUID, number: int, row: Application) -> dict[str, Any]:
    id = prospect(tenant, number)
    return _command(id, "win", value=0, currency="AUD") if row.won else _command(id, "lose", reason="not granted")


def _command(id: UUID, command: str, **content: Any) -> dict[str, Any]:
    return {"command": f"prospects.{command}", "id": str(id), "key": f"{id}:{command}", **content}

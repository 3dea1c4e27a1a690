"""What encryption costs: the same appends of the same facts, their fields personal or not."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any
from uuid import uuid4

import uvloop
from msgspec import Struct
from msgspec.structs import replace

from api import bootstrap
from application.ports import Log
from benchmarks import calls, load
from benchmarks.ground import Ground
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.product import opened
from domain.kernel import Decider, Fact, Personal

CALLERS = 64
WARM = 0.5
AIM = 0.87
"""Rates, with over without: at most 1.15 times the cost was asked for."""


class Signed(Fact, frozen=True, tag="samples.signed"):
    name: Personal[str]
    address: Personal[str]
    number: int


class Plain(Fact, frozen=True, tag="samples.plain"):
    name: str
    address: str
    number: int


samples: Decider[None] = Decider("samples", Signed | Plain, None, lambda state, _: state)


KINDS: dict[str, type[Signed | Plain]] = {"sealed": Signed, "plain": Plain}


class Person(Struct):
    """A stream, whose subject is the person, and how far it has come."""

    stream: str
    version: int = 0


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with _known(samples), opened(ground) as product:
        log = product.logs.of(product.tenant())
        known = {kind: [_somebody() for _ in range(CALLERS)] for kind in KINDS}
        order = cycle((tuple(KINDS), tuple(reversed(KINDS))))

        def turn(seconds: float) -> Figures:
            figures = {}
            for kind in next(order):
                figures[f"{kind} new"] = uvloop.run(_append(log, KINDS[kind], None, seconds))
                figures[f"{kind} known"] = uvloop.run(_append(log, KINDS[kind], known[kind], seconds))
            return figures

        turn(WARM)
        rounds = session.play({OURS: lambda: turn(session.scale.seconds / 2)})
    versus = Versus(
        against=OURS,
        kind="limit",
        case="two personal fields of a known person, against the same two in the clear",
        measure="sealed known",
        theirs="plain known",
        unit="events/s",
        aim=AIM,
        note=f"{CALLERS} callers, one tenant; full metadata with sealed circumstances and an idempotency key in both",
    )
    new = "two personal fields of a new person, whose key is made and kept, against the same two in the clear"
    yield from session.compared(rounds, versus, replace(versus, case=new, measure="sealed new", theirs="plain new"))


async def _append(log: Log, kind: type[Signed | Plain], known: list[Person] | None, seconds: float) -> float:
    """Events per second of so many callers, each to the stream of its person, or to a new one's each time."""
    taken: list[float] = []
    began = time.perf_counter()

    async def caller(number: int) -> None:
        while (now := time.perf_counter()) < began + seconds:
            person = known[number] if known else _somebody()
            fact = kind("Augusta Ada King", "ada.king@example.org", len(taken))
            pending = log.submit(person.stream, person.version, [fact], load.meta(), load.once(fact))
            person.version = (await pending).version
            taken.append(time.perf_counter() - now)

    await asyncio.gather(*map(caller, range(CALLERS)))
    return calls.told(len(taken), time.perf_counter() - began, taken)["rate"]


def _somebody() -> Person:
    return Person(f"{samples.name}/{uuid4()}")


@contextmanager
def _known(decider: Decider[Any]) -> Iterator[None]:
    """The product opened meanwhile knows this capability too."""
    bootstrap.DECIDERS[decider.name] = decider
    try:
        yield
    finally:
        del bootstrap.DECIDERS[decider.name]

"""Replay: a whole log read through the walls and decoded, as a rebuild or a learner does it."""

import time
from collections.abc import Iterator

from application.ports import Log
from benchmarks.ground import Ground
from benchmarks.history import Past
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import cursor
from benchmarks.product import opened

BATCH = 5000


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product:
        log = product.logs.of(product.tenant())
        past = Past(log)
        session.say(f"recording {session.scale.replay:,} events")
        past.grow(session.scale.replay, until=session.soon())
        product.settle()
        rounds = session.play(
            {
                OURS: lambda: replay(log, past.events),
                "cursor": lambda: cursor.replay(product.superuser, log.tenant, past.events),
            }
        )
    yield Versus(
        against="cursor",
        kind="limit",
        case="facts and metadata decoded, personal values left sealed",
        measure="rate",
        unit="events/s",
        aim=0.6,
        note=f"{past.events:,} events; the cursor is a superuser's, without walls or upcasting",
    ).line("replay", rounds)


def replay(log: Log, expected: int) -> Figures:
    """Events per second from the first position to the last."""
    began, position = time.perf_counter(), 0
    while batch := log.read(position, BATCH):
        position = batch[-1].position
    spent = time.perf_counter() - began
    assert position == expected
    return {"rate": expected / spent}

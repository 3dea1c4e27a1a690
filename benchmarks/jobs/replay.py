"""Replay: a whole log read through the walls and decoded, as a rebuild or a learner does it."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

from msgspec.structs import replace

from application.ports import Log
from benchmarks.ground import Ground
from benchmarks.history import Past
from benchmarks.kernel import OURS, Figures, Line, Scale, Session, Versus
from benchmarks.peers import cursor, keyset
from benchmarks.peers.emmett import Emmett
from benchmarks.peers.notifications import Reader
from benchmarks.peers.umadb import UmaDB
from benchmarks.product import opened

BATCH = 5000
EACH = 5
"""Events of one stream."""
TENTH = 10
"""So many times as short is the part of the log whose personal values are all opened."""


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with ExitStack() as stack:
        product = stack.enter_context(opened(ground))
        reader = stack.enter_context(Reader(ground.peers))
        emmett, umadb = stack.enter_context(Emmett(ground.peers)), stack.enter_context(UmaDB(ground.home.parent))
        log = product.logs.of(product.tenant())
        past = _past(log, session)
        product.settle()
        meta, body = product.sizes(log.tenant)
        few = session.scale.few
        rounds = session.play(
            {
                OURS: lambda: replay(log, past.events),
                "keyset": lambda: keyset.replay(product.superuser, log.tenant, past.events),
                "cursor": lambda: cursor.replay(product.superuser, log.tenant, past.events),
                "eventsourcing": lambda: reader.replay(few, EACH),
                "emmett": lambda: emmett.replay(few, EACH, meta, body),
                "umadb": lambda: umadb.replay(few * EACH, EACH, b"x" * (meta + body)),
            }
        )
    yield from session.compared(rounds, *_comparisons(past.events, session.scale))


def replay(log: Log, expected: int) -> Figures:
    """Events per second from the first position to the last, sealed; and of the first tenth, everything opened."""
    began, position = time.perf_counter(), 0
    while batch := log.read(position, BATCH):
        position = batch[-1].position
    spent = time.perf_counter() - began
    assert position == expected
    return {"rate": expected / spent, "opened": _opened(log, expected // TENTH)}


def _opened(log: Log, upto: int) -> float:
    began, position = time.perf_counter(), 0
    while batch := log.read(position, BATCH, upto):
        for each in batch:
            log.open(each)
        position = batch[-1].position
    return upto / (time.perf_counter() - began)


def _past(log: Log, session: Session) -> Past:
    past = Past(log)
    session.say(f"recording {session.scale.replay:,} events")
    past.grow(session.scale.replay, until=session.soon())
    return past


def _comparisons(events: int, scale: Scale) -> Iterator[Versus]:
    versus = Versus(
        against="keyset",
        kind="limit",
        case="facts and metadata decoded, personal values left sealed",
        measure="rate",
        unit="events/s",
        aim=0.8,
        note=f"{events:,} events; the pages are a superuser's, without walls or upcasting",
    )
    few = f"theirs: {scale.few:,} events"
    yield versus
    yield replace(versus, against="cursor", aim=None)
    peer = replace(versus, against="eventsourcing", kind="peer", aim=4, note=few)
    yield replace(peer, case=f"{versus.case}; their recorder's notifications")
    yield replace(peer, case=f"{versus.case}; their notification log, decoded", theirs="log")
    yield replace(peer, against="emmett", aim=None)
    yield replace(peer, against="umadb", aim=None, note=f"theirs: {scale.few * EACH:,} events")
    yield replace(
        versus,
        case="facts and metadata decoded, every personal value opened",
        measure="opened",
        theirs="rate",
        aim=None,
        note=f"ours: the first {events // TENTH:,} of {events:,} events",
    )

"""Replay: a whole log read through the walls and decoded, as a rebuild or a learner does it."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

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
from domain.kernel import Recorded

BATCH = 500
"""As a learner reads; more of them leave the processor's cache before they are looked at."""
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
    """Events per second from the first position to the last, sealed, without their metadata and with them.

    And of the first tenth, everything opened.
    """
    return {
        "rate": _read(log, expected, len),
        "whole": _read(log, expected, _with_metadata),
        "opened": _read(log, expected // TENTH, partial(_opened, log)),
    }


def _read(log: Log, upto: int, look: Callable[[list[Recorded]], object]) -> float:
    began, position = time.perf_counter(), 0
    while batch := log.read(position, BATCH, upto):
        look(batch)
        position = batch[-1].position
    assert position == upto
    return upto / (time.perf_counter() - began)


def _with_metadata(batch: list[Recorded]) -> None:
    for each in batch:
        _ = each.meta


def _opened(log: Log, batch: list[Recorded]) -> None:
    for each in batch:
        log.open(each)


def _past(log: Log, session: Session) -> Past:
    past = Past(log)
    session.say(f"recording {session.scale.replay:,} events")
    past.grow(session.scale.replay, until=session.soon())
    return past


def _comparisons(events: int, scale: Scale) -> Iterator[Versus]:
    versus = Versus(
        against="keyset",
        kind="limit",
        case=f"{events:,} events, facts decoded, personal values left sealed, metadata not asked for",
        measure="rate",
        unit="events/s",
        aim=0.8,
        note="the pages are a superuser's, without walls or upcasting",
    )
    case = f"{events:,} events, facts and metadata decoded, personal values left sealed"
    whole = replace(versus, case=case, measure="whole", aim=None)
    few = f"theirs: {scale.few:,} events"
    yield versus
    yield whole
    yield replace(whole, against="cursor")
    peer = replace(versus, against="eventsourcing", kind="peer", aim=4, note=few)
    yield replace(peer, case=f"{versus.case}; their recorder's notifications")
    yield replace(peer, case=f"{versus.case}; their notification log, decoded", theirs="log")
    yield replace(peer, against="emmett", aim=None)
    yield replace(peer, against="umadb", aim=None, note=f"theirs: {scale.few * EACH:,} events")
    yield replace(
        whole,
        case="facts and metadata decoded, every personal value opened",
        measure="opened",
        theirs="whole",
        note=f"ours: the first {events // TENTH:,} of {events:,} events",
    )

"""View catch-up: a log that no view has seen, folded into one view, and into all first views."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from api.bootstrap import MODELS
from benchmarks.ground import Ground
from benchmarks.history import EACH, Past
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import projection, upsert
from benchmarks.peers.emmett import Emmett
from benchmarks.product import Product, opened
from projections.funnel import funnel
from projections.prospects import prospects

ONE = (prospects, funnel)
_ALL = "all views: prospects, funnel, audit trail, prediction book, scores, milestones"
_ONE = "one view: prospects, with its funnel"
_BY_HAND = (
    "by hand: 1,000 events a transaction in one JSON parameter, ON CONFLICT, without walls, digests, look-up tokens, "
    "words, sums of the trail, parking"
)


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product, ThreadPoolExecutor(2) as threads, Emmett(ground.peers) as emmett:
        tenant = product.tenant()
        past = Past(product.logs.of(tenant))
        session.say(f"recording {session.scale.catch_up:,} events")
        past.grow(session.scale.catch_up, until=session.soon())
        product.settle()
        library = projection.Runner(ground.peers, session.scale.slow)
        rounds = session.play(
            {
                OURS: lambda: {
                    "one": catch_up(product, tenant, past.events, threads, ONE),
                    "all": catch_up(product, tenant, past.events, threads, MODELS),
                },
                "hand-written": lambda: {
                    "one": by_hand(product, ground, tenant, past.events, whole=False),
                    "all": by_hand(product, ground, tenant, past.events, whole=True),
                },
                "eventsourcing": lambda: _each(library.catch_up()),
                "emmett": lambda: _each(emmett.catch_up(session.scale.slow)),
            }
        )
    yield from session.compared(rounds, *_comparisons(past.events, library.events))


def _comparisons(events: int, slower: int) -> Iterator[Versus]:
    slow = f"theirs follows {slower:,} events into all views"
    for measure, views in (("one", _ONE), ("all", _ALL)):
        case = f"{events:,} events, {EACH} a prospect; {measure} view{'s on' if measure == 'all' else ''}"
        versus = Versus(
            against="hand-written",
            kind="limit",
            case=case,
            measure=measure,
            unit="events/s",
            aim=0.6,
            note=f"{views}; {_BY_HAND}",
        )
        yield versus
        yield replace(versus, against="eventsourcing", kind="peer", aim=40, note=f"{views}; {slow}")
        yield replace(versus, against="emmett", kind="peer", aim=15, note=f"{views}; {slow}")


def catch_up(product: Product, tenant: UUID, expected: int, threads: Executor, models: Sequence[Any]) -> float:
    """Events per second from empty views to the log's end."""
    product.forget_views()
    runner = product.runner(tenant, threads, models)
    began = time.perf_counter()
    runner.catch_up()
    spent = time.perf_counter() - began
    assert min(lag.position for lag in runner.lag()) == expected
    assert not any(lag.parked for lag in runner.lag())
    return expected / spent


def by_hand(product: Product, ground: Ground, tenant: UUID, expected: int, *, whole: bool) -> float:
    return upsert.catch_up(product.superuser, ground.peers, tenant, expected, whole=whole)["rate"]


def _each(figures: Figures) -> Figures:
    return {"one": figures["rate"], "all": figures["rate"]}

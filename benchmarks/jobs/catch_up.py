"""View catch-up: a log that no view has seen, folded into all first views."""

import time
from collections.abc import Iterator
from uuid import UUID

from benchmarks.ground import Ground
from benchmarks.history import EACH, Past
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import projection, upsert
from benchmarks.product import Product, opened

BATCH = 5000
"""Events folded at once, by us and by the hand-written worker."""


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product:
        tenant = product.tenant()
        past = Past(product.logs.of(tenant))
        session.say(f"recording {session.scale.catch_up:,} events")
        past.grow(session.scale.catch_up, until=session.soon())
        product.settle()
        library = projection.Runner(ground.peers, session.scale.slow)
        rounds = session.play(
            {
                OURS: lambda: catch_up(product, tenant, past.events),
                "hand-written": lambda: upsert.catch_up(product.superuser, ground.peers, tenant, past.events, BATCH),
                "eventsourcing": library.catch_up,
            }
        )
    views = "prospects, funnel, audit trail, prediction book, scores"
    case = f"{past.events:,} events, {EACH} a prospect"
    yield Versus(
        against="hand-written",
        kind="limit",
        case=case,
        measure="rate",
        unit="events/s",
        aim=0.5,
        note=f"{views}; by hand without walls, digests, look-up tokens, parking",
    ).line("catch-up", rounds)
    yield Versus(
        against="eventsourcing",
        kind="peer",
        case=case,
        measure="rate",
        unit="events/s",
        note=f"{views}; the library's runner follows {library.events:,} events, one transaction each",
    ).line("catch-up", rounds)


def catch_up(product: Product, tenant: UUID, expected: int) -> Figures:
    """Events per second from empty views to the log's end."""
    product.forget_views()
    runner = product.runner(tenant, BATCH)
    began = time.perf_counter()
    runner.catch_up()
    spent = time.perf_counter() - began
    assert min(lag.position for lag in runner.lag()) == expected
    assert not any(lag.parked for lag in runner.lag())
    return {"rate": expected / spent}

"""Worker processes: the same backlog of several tenants, folded by more of them."""

from collections.abc import Iterator
from uuid import UUID

import psycopg

from api import settings
from benchmarks.history import Past
from benchmarks.jobs.growth.sizes import against_least, name
from benchmarks.kernel import OURS, Figures, Line, Session
from benchmarks.product import Product
from benchmarks.worker import Workers
from tenants.context import SYSTEM

AXIS = "worker processes"
RATE = "views catch up on 8 tenants"
TENANTS = 8
ROUNDS = 5
"""Each turn starts and ends processes, which takes longer than what they do."""


def compared(product: Product, session: Session, cases: int) -> Iterator[Line]:
    tenants = [product.tenant() for _ in range(TENANTS)]
    _alone(product, tenants)
    session.say(f"recording {session.scale.backlog:,} events")
    pasts = [Past(product.logs.of(tenant)) for tenant in tenants]
    until = session.soon()
    for past in pasts:
        past.grow(session.scale.backlog // TENANTS, until)
    events = sum(past.events for past in pasts)
    product.settle()
    environment = settings.environment(product.settings)

    def turn() -> Figures:
        figures: dict[str, float] = {}
        for size in session.scale.workers:
            product.forget_views()
            with Workers(environment, size) as workers:
                figures[name(RATE, size)] = events / workers.catch_up(product.superuser, tenants)
        return figures

    rounds = session.play({OURS: turn}, min(ROUNDS, session.scale.rounds), cases)
    yield from session.compared(rounds, *against_least(session.scale.workers, AXIS, RATE, "events/s"))


def _alone(product: Product, tenants: list[UUID]) -> None:
    """Leave no other tenants for workers to work for: those of jobs that were measured before are done with."""
    with psycopg.connect(product.superuser, autocommit=True) as connection:
        connection.execute("delete from everlog.heads where tenant_id <> all(%s)", [[*tenants, SYSTEM]])
        connection.execute("delete from everlog.leases")

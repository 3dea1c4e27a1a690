"""Tenants: the same load spread over more of them, and what an idle one takes."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import psycopg
from msgspec.structs import replace

from api import settings
from benchmarks.jobs.growth.sizes import against_least, name
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.product import Product
from benchmarks.writer import Order, Writers, append

AXIS = "tenants"
RATE, SLOWEST, OPEN = "append, 64 writers", "append, 64 writers, p99", "connections of the app's role"
CALLERS = 64
IDLE = 100.0
"""kB of memory that an idle tenant may take."""


def compared(product: Product, session: Session, cases: int) -> Iterator[Line]:
    sizes = session.scale.tenants
    session.say(f"making {sizes[-1]:,} tenants")
    tenants = [product.tenant() for _ in range(sizes[-1])]

    def turn(seconds: float) -> Figures:
        figures: dict[str, float] = {}
        for size in sizes:
            met = append(product.logs, Order(tenants[:size], CALLERS, 1, seconds))
            figures |= {name(RATE, size): met["rate"], name(SLOWEST, size): met["p99"]}
            figures[name(OPEN, size)] = _open(product)
        return figures

    turn(0.2)
    rounds = session.play({OURS: lambda: turn(session.scale.seconds / 2)}, cases=cases + 1)
    yield from session.compared(
        rounds,
        *against_least(sizes, AXIS, RATE, "events/s"),
        *against_least(sizes, AXIS, SLOWEST, "ms"),
        *against_least(sizes, AXIS, OPEN, "connections", aim=1),
    )
    yield from _memory(product, session, tenants, cases)


def _memory(product: Product, session: Session, tenants: Sequence[UUID], cases: int) -> Iterator[Line]:
    """What an API process holds more once it has appended to each tenant, and knows its log and its keys."""
    environment = settings.environment(product.settings)

    def turn() -> Figures:
        with Writers(environment, 1) as writers:
            # A second of other work first: what any process needs once is no tenant's.
            writers.append(Order(list(tenants[:1]), CALLERS, 1, 1))
            before = writers.resident
            writers.append(Order(list(tenants), CALLERS, 1, 0, each=True))
            return {"idle": max(1.0, writers.resident - before) / len(tenants)}

    rounds = session.play({OURS: turn, "target": lambda: {"idle": IDLE}}, rounds=3, cases=cases)
    versus = Versus(against="target", kind="limit", case="", measure="idle", unit="kB", aim=1)
    case = f"memory of an API process for each of {len(tenants):,} tenants that it has appended to"
    yield from session.compared(rounds, replace(versus, case=case))


def _open(product: Product) -> float:
    """Connections of the app's role."""
    role = psycopg.conninfo.conninfo_to_dict(product.settings.database)["user"]
    with psycopg.connect(product.superuser) as connection:
        row = connection.execute("select count(*) from pg_stat_activity where usename = %s", [role]).fetchone()
    assert row
    return float(row[0])

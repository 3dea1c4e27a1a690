"""Callers of one tenant, each of which waits for its answer before it appends again."""

from collections.abc import Iterator

from benchmarks.jobs.growth.sizes import against_least, name
from benchmarks.kernel import OURS, Figures, Line, Session
from benchmarks.product import Product
from benchmarks.writer import Order, append

AXIS = "writers"
RATE, SLOWEST = "append, one tenant", "append, one tenant, p99"


def compared(product: Product, session: Session, cases: int) -> Iterator[Line]:
    sizes, tenant = session.scale.writers, product.tenant()

    def turn(seconds: float) -> Figures:
        figures: dict[str, float] = {}
        for size in sizes:
            met = append(product.logs, Order([tenant], size, 1, seconds))
            figures |= {name(RATE, size): met["rate"], name(SLOWEST, size): met["p99"]}
        return figures

    turn(0.2)
    rounds = session.play({OURS: lambda: turn(session.scale.seconds / 2)}, cases=cases)
    yield from session.compared(
        rounds, *against_least(sizes, AXIS, RATE, "events/s"), *against_least(sizes, AXIS, SLOWEST, "ms")
    )

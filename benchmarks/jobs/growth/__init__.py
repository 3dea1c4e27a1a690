"""How cost grows: with writers, with tenants, with the length of a log, and with worker processes.

Every size has its turn in every round, and is compared with the smallest one: a ratio of 1 means that nothing grew.
"""

from collections.abc import Iterator

from benchmarks.ground import Ground
from benchmarks.jobs.growth import length, tenants, workers, writers
from benchmarks.kernel import Line, Session
from benchmarks.product import opened


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product:
        yield from workers.compared(product, session, cases=4)
        yield from writers.compared(product, session, cases=3)
        yield from tenants.compared(product, session, cases=2)
        yield from length.compared(product, session)

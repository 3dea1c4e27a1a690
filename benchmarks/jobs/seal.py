"""Seal: how long after an event is committed a signed checkpoint covers it, while 500 events a second come in."""

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from benchmarks.ground import Ground
from benchmarks.jobs.lag import RATE, lag, working
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.product import opened

P50, P99 = 1000.0, 2000.0
"""Milliseconds that were asked for."""
_SEALED = b"select coalesce(max(size), 0) from everlog.seals where tenant_id = %s"


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product:
        product.app.link.start()
        tenant = product.tenant()
        with working(product, "seal"):
            # Whatever is done once only is done before.
            lag(product, tenant, 0.5, _SEALED)
            seconds = session.scale.seconds
            turns: dict[str, Callable[[], Figures]] = {
                OURS: lambda: lag(product, tenant, seconds, _SEALED),
                "target": lambda: {"p50": P50, "p99": P99},
            }
            rounds = session.play(turns)
    versus = Versus(
        against="target",
        kind="limit",
        case=f"{RATE} events/s, p50",
        measure="p50",
        unit="ms",
        aim=1,
        note="from the acknowledgement until the checkpoint is committed, looked for every ms; sealing gathers 0.6 s",
    )
    yield from session.compared(rounds, versus, replace(versus, case=f"{RATE} events/s, p99", measure="p99", note=""))

"""Seal: how long after an event is committed a signed checkpoint covers it, while 500 events a second come in."""

import time
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID, uuid4

import psycopg
from msgspec.structs import replace

from application.pending import Pending
from application.ports import Appended
from benchmarks import load
from benchmarks.ground import Ground
from benchmarks.jobs.lag import RATE, lag, working
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import notify
from benchmarks.product import Product, opened

P50, P99 = 1000.0, 2000.0
"""Milliseconds that were asked for."""
MANY = 100
_PATIENCE = 60.0
_SEALED = b"select coalesce(max(size), 0) from everlog.seals where tenant_id = %s"
_LEFT = b"""select count(*) from everlog.heads h where h.tenant_id = any(%s) and h.position >
    (select coalesce(max(size), 0) from everlog.seals s where s.tenant_id = h.tenant_id)"""
_WAITED = b"""
    select 1000 * extract(epoch from (
        select substring(s.note from 'sealed ([^\n]+)')::timestamptz from everlog.seals s
        where s.tenant_id = e.tenant_id and s.size >= e.position order by s.size limit 1) - e.recorded_at)::float8
    from everlog.events e where e.tenant_id = any(%s) and e.recorded_at >= to_timestamp(%s)"""


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product:
        product.app.link.start()
        tenant, tenants = product.tenant(), [product.tenant() for _ in range(MANY)]
        with working(product, "seal"):
            # Whatever is done once only is done before.
            lag(product, tenant, 0.5, _SEALED)
            many(product, tenants, 0.5)
            seconds = session.scale.seconds
            turns: dict[str, Callable[[], Figures]] = {
                OURS: lambda: {
                    **lag(product, tenant, seconds, _SEALED),
                    **{f"{name} of many": each for name, each in many(product, tenants, seconds).items()},
                },
                "target": lambda: {"p50": P50, "p99": P99},
            }
            rounds = session.play(turns)
    one = Versus(
        against="target",
        kind="limit",
        case=f"{RATE} events/s to one tenant, p50",
        measure="p50",
        unit="ms",
        aim=1,
        note="one tenant: from the acknowledgement until the checkpoint is committed, looked for every ms; "
        f"{MANY} tenants: from the event's time to the checkpoint's; sealing gathers 0.6 s",
    )
    of_many = replace(one, case=f"{RATE} events/s to {MANY} tenants, p50", measure="p50 of many", theirs="p50")
    lines = [one, of_many]
    lines += [
        replace(each, case=each.case.replace("p50", "p99"), measure=each.measure.replace("p50", "p99"), theirs="p99")
        for each in lines
    ]
    yield from session.compared(rounds, *lines)


def many(product: Product, tenants: Sequence[UUID], seconds: float) -> Figures:
    """p50 and p99 in milliseconds, over all events of tenants that take turns."""
    pending: list[Pending[Appended]] = []
    started, began = time.time(), time.perf_counter()
    for number in range(max(RATE, int(RATE * seconds))):
        time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        fact = load.captured()
        log = product.logs.of(tenants[number % len(tenants)])
        pending.append(log.submit(f"prospects/{uuid4()}", 0, [fact], load.meta(), load.once(fact)))
    for each in pending:
        each.result(_PATIENCE)
    with psycopg.connect(product.superuser, autocommit=True) as connection:
        until = time.monotonic() + _PATIENCE
        while connection.execute(_LEFT, [list(tenants)]).fetchall() != [(0,)]:
            if time.monotonic() > until:
                raise TimeoutError(f"not all was sealed within {_PATIENCE:.0f} s")
            time.sleep(0.05)
        waited = [each for (each,) in connection.execute(_WAITED, [list(tenants), started])]
    return notify.tail(waited)

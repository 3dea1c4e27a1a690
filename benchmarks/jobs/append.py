"""Appends: many callers of one event each, and a few callers of batches."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from uuid import UUID, uuid4

import uvloop

from application.ports import Logs
from benchmarks import load
from benchmarks.ground import Ground
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import copy, pgbench
from benchmarks.peers.library import Library
from benchmarks.product import opened
from domain.kernel import Fact

CALLERS, CLIENTS = 64, 8
BATCH, BATCHERS = 100, 8
WARM = 0.5
"""Seconds of appending before anything counts: keys, plans and pages are there then."""
_WORK = "walls, two personal fields sealed under a key of their own, full metadata, idempotency key and reservation"


def singles(ground: Ground, session: Session) -> Iterator[Line]:
    """64 callers of one event each: one tenant, then 100 tenants."""
    with opened(ground) as product:
        one, hundred = [product.tenant()], [product.tenant() for _ in range(100)]
        for case, tenants, aim in (("one tenant", one, 1.1), ("100 tenants", hundred, 0.6)):
            append(product.logs, tenants, CALLERS, 1, WARM)
            meta, body = product.sizes(tenants[0])
            seconds = session.scale.seconds
            library = Library(ground.peers, b"x" * (meta + body))
            rounds = session.play(
                {
                    OURS: partial(append, product.logs, tenants, CALLERS, 1, seconds),
                    "pgbench": partial(pgbench.commits, ground.peers, CLIENTS, seconds, meta, body),
                    "eventsourcing": partial(library.append, CALLERS, 1, seconds),
                }
            )
            library.close()
            for against, wanted in (("pgbench", aim), ("eventsourcing", 15)):
                yield _versus(against, case, wanted, f"{meta} bytes of metadata, {body} of body; ours: {_WORK}").line(
                    "append-64x1", rounds
                )


def batches(ground: Ground, session: Session) -> Iterator[Line]:
    """8 callers of 100 events each, one stream a batch."""
    with opened(ground) as product:
        for make, case, wanted in (
            (load.captured, "two personal fields and a mail address kept unique in each", 0.6),
            (load.signal, "one personal field in each", None),
        ):
            tenants, seconds = [product.tenant()], session.scale.seconds
            append(product.logs, tenants, BATCHERS, BATCH, WARM, make)
            meta, body = product.sizes(tenants[0])
            library = Library(ground.peers, b"x" * (meta + body))
            rounds = session.play(
                {
                    OURS: partial(append, product.logs, tenants, BATCHERS, BATCH, seconds, make),
                    "copy": partial(copy.append, ground.peers, BATCHERS, BATCH, copy.rows(BATCH, meta, body), seconds),
                    "eventsourcing": partial(library.append, BATCHERS, BATCH, seconds),
                }
            )
            library.close()
            for against, aim in (("copy", wanted), ("eventsourcing", None)):
                note = f"{meta} bytes of metadata, {body} of body; {case}"
                yield _versus(against, f"one tenant, {case}", aim, note).line("append-8x100", rounds)


def append(
    logs: Logs,
    tenants: Sequence[UUID],
    callers: int,
    batch: int,
    seconds: float,
    make: Callable[[], Fact] = load.captured,
) -> Figures:
    """Events per second of so many callers on one event loop, each of which waits for its answer before the next."""
    return {"rate": uvloop.run(_append(logs, tenants, callers, [make] * batch, seconds))}


async def _append(
    logs: Logs, tenants: Sequence[UUID], callers: int, batch: Sequence[Callable[[], Fact]], seconds: float
) -> float:
    handles = [logs.of(tenant) for tenant in tenants]
    began = time.perf_counter()
    stop = began + seconds

    async def caller(number: int) -> int:
        done = 0
        while time.perf_counter() < stop:
            log = handles[(number + done * callers) % len(handles)]
            facts = [make() for make in batch]
            await log.submit(f"prospects/{uuid4()}", 0, facts, load.meta(), load.once(*facts))
            done += 1
        return done * len(batch)

    total = sum(await asyncio.gather(*map(caller, range(callers))))
    return total / (time.perf_counter() - began)


def _versus(against: str, case: str, aim: float | None, note: str) -> Versus:
    kind = "peer" if against == "eventsourcing" else "limit"
    return Versus(against=against, kind=kind, case=case, measure="rate", unit="events/s", aim=aim, note=note)  # type: ignore[arg-type] # the names above

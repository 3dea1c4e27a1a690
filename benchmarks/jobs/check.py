"""Check: what a look at a whole record costs, beside reading the log once."""

import time
from collections.abc import Iterator

from adapters.proofs.sealer import Sealer
from api import bootstrap, check, verify
from application.ports import Log
from benchmarks.ground import Ground
from benchmarks.history import Past
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.product import opened

_BATCH = 1000


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product:
        log = product.logs.of(product.tenant())
        past = Past(log)
        session.say("recording the log")
        past.grow(min(session.scale.catch_up, check.MOST // 2), session.soon())
        session.say("sealing it")
        sealer = Sealer(log.tenant, product.worker.database, bootstrap.signer_of(product.settings))
        while sealer.seal():
            pass

        def looked() -> Figures:
            began = time.perf_counter()
            found = verify.verify(product.settings, log.tenant, 0, [], most=check.MOST)
            assert found.sound, found.findings
            return {"look": found.events / (time.perf_counter() - began), "read": _read(log)}

        rounds = session.play({OURS: looked})
    versus = Versus(
        against="everlog",
        kind="peer",
        case="a whole record looked at, against its log read and decoded",
        measure="look",
        theirs="read",
        unit="events/s",
        note=f"{past.events} events without read models; leaves, tree, keys, every value opened, no prediction",
    )
    yield from session.compared(rounds, versus)


def _read(log: Log) -> float:
    began, after = time.perf_counter(), 0
    while batch := log.read(after, _BATCH):
        after = batch[-1].position
    return after / (time.perf_counter() - began)

"""Replay: a whole log read through the walls and decoded, as a rebuild or a learner does it."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

from msgspec.structs import replace

from application.ports import Log
from benchmarks.ground import Ground
from benchmarks.history import Past
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import cursor, keyset
from benchmarks.peers.emmett import Emmett
from benchmarks.peers.notifications import Reader
from benchmarks.peers.umadb import UmaDB
from benchmarks.product import opened

BATCH = 5000
EACH = 5
"""Events of one of the peers' streams."""
TENTH = 10
"""Every personal value of one tenth of the log is opened: the whole would take as long as all the rest."""


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with ExitStack() as stack:
        product = stack.enter_context(opened(ground))
        reader = stack.enter_context(Reader(ground.peers))
        emmett = stack.enter_context(Emmett(ground.peers))
        umadb = stack.enter_context(UmaDB(ground.home.parent))
        log = product.logs.of(product.tenant())
        past = Past(log)
        session.say(f"recording {session.scale.replay:,} events")
        past.grow(session.scale.replay, until=session.soon())
        product.settle()
        meta, body = product.sizes(log.tenant)
        few, filled = session.scale.few, set[str]()

        def once(peer: str, fill: Figures | None) -> None:
            filled.add(peer)

        def emmett_replay() -> Figures:
            if "emmett" not in filled:
                emmett.fill(few, EACH, meta, body)
                filled.add("emmett")
            return emmett.replay()

        def umadb_replay() -> Figures:
            if "umadb" not in filled:
                umadb.fill(few * EACH, EACH, b"x" * (meta + body))
                filled.add("umadb")
            return umadb.replay()

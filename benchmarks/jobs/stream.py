"""One stream of 1,000 facts, loaded: its events read through the walls and decoded."""

from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

from msgspec.structs import replace

from application.ports import Log
from benchmarks import calls, load
from benchmarks.ground import Ground
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import keyset
from benchmarks.peers.emmett import Emmett
from benchmarks.peers.notifications import Reader
from benchmarks.peers.umadb import UmaDB
from benchmarks.product import Product, opened
from domain.prospects import prospects

FACTS = 1_000
OTHERS = 20
"""Streams of the same size beside it."""


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with ExitStack() as stack:
        product = stack.enter_context(opened(ground))
        reader = stack.enter_context(Reader(ground.peers))
        emmett, umadb = stack.enter_context(Emmett(ground.peers)), stack.enter_context(UmaDB(ground.home.parent))
        log, stream = _recorded(product)
        meta, body = product.sizes(log.tenant)
        seconds, events = session.scale.seconds / 2, FACTS * OTHERS
        rounds = session.play(
            {
                OURS: lambda: loaded(log, stream, seconds),
                "keyset": lambda: keyset.load(product.superuser, log.tenant, stream, seconds),
                "eventsourcing": lambda: reader.load(events, FACTS, seconds),
                "emmett": lambda: emmett.load(events, FACTS, meta, body, seconds),
                "umadb": lambda: umadb.load(events, FACTS, b"x" * (meta + body), seconds),
            }
        )
    versus = Versus(
        against="keyset",
        kind="limit",
        case=f"{FACTS:,} facts, one personal field in each, left sealed, metadata not asked for",
        measure="rate",
        unit="events/s",
        aim=0.7,
        note="one after the other; the select is a superuser's, without walls or upcasting",
    )
    opened_too = replace(versus, case=f"{FACTS:,} facts, folded and opened", measure="opened", aim=None)
    peer = replace(versus, kind="peer", aim=None, note="theirs: events decoded, not folded")
    whole = replace(versus, case=f"{FACTS:,} facts with their metadata, left sealed", measure="whole", aim=None)
    yield from session.compared(
        rounds,
        versus,
        whole,
        replace(peer, against="eventsourcing", aim=8),
        replace(peer, against="emmett"),
        replace(peer, against="umadb"),
        replace(opened_too, against="keyset", theirs="rate", note=versus.note),
        replace(opened_too, against="eventsourcing", kind="peer", theirs="folded", note="theirs: folded"),
    )


def loaded(log: Log, stream: str, seconds: float) -> Figures:
    """Events per second of the facts sealed, with their metadata, and of the state folded with all values opened."""

    def sealed() -> int:
        return sum(1 for _ in log.stream(stream))

    def whole() -> int:
        return sum(bool(each.meta) for each in log.stream(stream))

    def opened() -> int:
        facts = [log.open(recorded.fact) for recorded in log.stream(stream)]
        prospects.fold(facts)
        return len(facts)

    assert sealed() == FACTS
    ways = {"rate": sealed, "whole": whole, "opened": opened}
    return {measure: calls.threads(1, seconds, way)["rate"] for measure, way in ways.items()}


def _recorded(product: Product) -> tuple[Log, str]:
    log = product.logs.of(product.tenant())
    stream = ""
    for _ in range(OTHERS):
        stream = f"prospects/{uuid4()}"
        facts = [load.captured(), *(load.signal() for _ in range(FACTS - 1))]
        log.submit(stream, 0, facts, load.meta()).result()
    product.settle()
    return log, stream

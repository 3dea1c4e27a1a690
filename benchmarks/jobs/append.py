"""Appends: many callers of one event each, a few, one alone, and a few callers of batches."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from api import settings
from benchmarks.ground import Ground
from benchmarks.kernel import OURS, Figures, Line, Session, Turn, Versus
from benchmarks.peers import copy, pgbench
from benchmarks.peers.emmett import Emmett
from benchmarks.peers.library import Library
from benchmarks.peers.umadb import UmaDB
from benchmarks.product import Product, opened
from benchmarks.writer import Order, Writers, append

WARM = 0.5
"""Seconds of appending before anything counts: keys, plans and pages are there then."""
SLOWEST, EACH_SYNC = 10.0, 20.0
"""What was asked for: milliseconds that 99 of 100 appends stay under, and events that share a sync of the disk."""
_WORK = "walls, two personal fields sealed under a key of their own, full metadata, idempotency key and reservation"


class Aims(Struct, frozen=True):
    """The ratios that were asked for."""

    pgbench: float
    eventsourcing: float
    emmett: float | None = 1.0
    umadb: float | None = 1.0
    promised: bool = False
    """Whether time and events per sync were promised too."""


class Contest(Struct, frozen=True):
    """Who appends here: the product in one process and in several, and every peer."""

    ground: Ground
    session: Session
    product: Product
    library: Library
    emmett: Emmett
    umadb: UmaDB
    two: Writers

    def turns(self, order: Order, meta: int, body: int) -> dict[str, Turn]:
        callers, batch, seconds = order.callers, order.batch, order.seconds
        state = b"x" * (meta + body)
        return {
            OURS: partial(self._ours, order),
            "eventsourcing": lambda: self.library.append(callers, batch, seconds, state),
            "emmett": lambda: self.emmett.append(callers, batch, seconds, meta, body),
            "umadb": lambda: self.umadb.append(callers, batch, seconds, state),
        }

    def _ours(self, order: Order) -> Figures:
        """The figures of one process, those of two, and how many events of the one shared a commit."""
        before = _commits(self.product)
        figures = dict(append(self.product.logs, order))
        drains, events = (now - then for now, then in zip(_commits(self.product), before, strict=True))
        figures["shared"] = events / drains
        if order.callers > 1:
            figures |= {f"two {name}": figure for name, figure in self.two.append(order).items()}
        return figures


def many(ground: Ground, session: Session) -> Iterator[Line]:
    """64 callers of one event each: one tenant, then 100 tenants."""
    with contest(ground, session) as who:
        one, hundred = [who.product.tenant()], [who.product.tenant() for _ in range(100)]
        aims = Aims(1.5, 20, promised=True), Aims(1.0, 1.0, promised=True)
        yield from singles(who, "one tenant", one, 64, aims[0], cases=2)
        yield from singles(who, "100 tenants", hundred, 64, aims[1])


def few(ground: Ground, session: Session) -> Iterator[Line]:
    """8 callers of one event each, over 8 tenants."""
    with contest(ground, session) as who:
        tenants = [who.product.tenant() for _ in range(8)]
        yield from singles(who, "8 tenants", tenants, 8, Aims(0.5, 7, emmett=None, umadb=1.1))


def one(ground: Ground, session: Session) -> Iterator[Line]:
    """One caller."""
    with contest(ground, session) as who:
        yield from singles(who, "one tenant", [who.product.tenant()], 1, Aims(0.4, 3, emmett=None, umadb=None))


def singles(
    who: Contest, case: str, tenants: Sequence[UUID], callers: int, aims: Aims, cases: int = 1
) -> Iterator[Line]:
    order = Order(list(tenants), callers, 1, who.session.scale.seconds)
    meta, body = _warm(who, order)
    clients = min(8, callers)
    turns = who.turns(order, meta, body) | {
        "pgbench": lambda: pgbench.commits(who.ground.peers, clients, order.seconds, meta, body),
        "target": lambda: {"p99": SLOWEST, "shared": EACH_SYNC},
    }
    rounds = who.session.play(turns, cases=cases)
    versus = Versus(
        against="pgbench",
        kind="limit",
        case=case,
        measure="rate",
        unit="events/s",
        aim=aims.pgbench,
        note=f"{meta} bytes of metadata, {body} of body; ours: {_WORK}",
    )
    slow = replace(versus, against="target", measure="p99", unit="ms", case=f"{case}, p99", aim=None, note="")
    lines = [*_peers(versus, aims), slow]
    if callers > 1:
        both = f"{case}, two processes"
        lines += [
            replace(versus, case=both, measure="two rate", theirs="rate"),
            replace(slow, case=f"{both}, p99", measure="two p99", theirs="p99"),
        ]
    if aims.promised:
        shared = f"{case}, events per commit"
        note = "a commit waits for one sync of the disk at most"
        lines.append(replace(slow, case=shared, measure="shared", unit="events", aim=1, note=note))
        lines = [replace(each, aim=1) if each.case == slow.case else each for each in lines]
    yield from who.session.compared(rounds, *lines)


def batches(ground: Ground, session: Session) -> Iterator[Line]:
    """8 callers of 100 events each, one stream a batch."""
    with contest(ground, session) as who:
        yield from _batches(
            who,
            Order([who.product.tenant()], 8, 100, 0),
            "two personal fields and a mail address kept unique in each",
            2,
        )
        yield from _batches(who, Order([who.product.tenant()], 8, 100, 0, "signal"), "one personal field in each", 1)


def _batches(who: Contest, order: Order, case: str, cases: int) -> Iterator[Line]:
    order = replace(order, seconds=who.session.scale.seconds)
    meta, body = _warm(who, order)
    copying = partial(copy.append, who.ground.peers, order.callers, order.batch, meta, body, order.seconds)
    rounds = who.session.play(who.turns(order, meta, body) | {"copy": copying}, cases=cases)
    whole = order.kind == "captured"
    versus = Versus(
        against="copy",
        kind="limit",
        case=f"one tenant, {case}",
        measure="rate",
        unit="events/s",
        aim=0.75 if whole else None,
        note=f"{meta} bytes of metadata, {body} of body; {case}",
    )
    aims = Aims(0, 4, umadb=None) if whole else None
    two = replace(versus, case=f"one tenant, two processes, {case}", measure="two rate", theirs="rate")
    yield from who.session.compared(rounds, *_peers(versus, aims), two)


def _peers(versus: Versus, aims: Aims | None) -> list[Versus]:
    """The same comparison with each peer as well."""
    found = {"eventsourcing": aims and aims.eventsourcing, "emmett": aims and aims.emmett, "umadb": aims and aims.umadb}
    return [
        versus,
        *(replace(versus, against=name, kind="peer", aim=aim) for name, aim in found.items()),
    ]


def _warm(who: Contest, order: Order) -> tuple[int, int]:
    """Mean bytes of metadata and of body, once each process has appended for a moment."""
    brief = replace(order, seconds=WARM)
    append(who.product.logs, brief)
    if order.callers > 1:
        who.two.append(brief)
    return who.product.sizes(order.tenants[0])


def _commits(product: Product) -> tuple[float, float]:
    """Transactions of this process's committer so far, and events in them."""
    count: Callable[[str], float | None] = product.app.telemetry.metrics.registry.get_sample_value
    return count("everlog_commit_seconds_count") or 0.0, count("everlog_events_total") or 0.0


@contextmanager
def contest(ground: Ground, session: Session) -> Iterator[Contest]:
    with ExitStack() as stack:
        product = stack.enter_context(opened(ground))
        library = Library(ground.peers)
        stack.callback(library.close)
        yield Contest(
            ground,
            session,
            product,
            library,
            stack.enter_context(Emmett(ground.peers)),
            stack.enter_context(UmaDB(ground.home.parent)),
            stack.enter_context(Writers(settings.environment(product.settings), 2)),
        )

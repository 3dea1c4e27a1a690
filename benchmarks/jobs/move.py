"""Moving an organisation to another installation: how long nobody can write, and whether all is the same there."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec import Struct

from adapters.parcel.moving import Moving
from adapters.proofs.sealer import Sealer
from api import bootstrap
from api.taught import opened as facts
from benchmarks import ground as grounds
from benchmarks.ground import Ground
from benchmarks.history import Past
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.product import Product, opened
from domain.prospects import Captured
from projections.builds import builds
from projections.proofs import note

CLOSED = 60.0
"""Seconds without writing that were asked for."""
MEANWHILE = 1_000
"""Events that are recorded while the first parcel is under way."""


class Place(Struct, frozen=True):
    product: Product
    moving: Moving


class Same(Struct, frozen=True):
    """What has to be the same in both places."""

    root: tuple[int, bytes]
    digests: dict[str, bytes]
    prediction: bytes


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product, grounds.prepared() as other, opened(other) as elsewhere:
        here, there = (Place(each, bootstrap.moving(each.app)) for each in (product, elsewhere))
        tenant = product.tenant()
        past = Past(product.logs.of(tenant))
        session.say(f"recording {session.scale.replay:,} events")
        past.grow(session.scale.replay, until=session.soon())
        known: list[Figures] = []

        def turn() -> Figures:
            if not known:
                known.append(_moved(here, there, tenant, past, session, ground.home.parent))
            return known[0]

        target = {"closed": CLOSED, "first": CLOSED}
        rounds = session.play({OURS: turn, "target": lambda: target}, rounds=1)
        _compared(here, there, tenant, session)
    events = f"{past.events:,} events"
    yield from session.compared(
        rounds,
        Versus(
            against="target",
            kind="limit",
            case=f"{events}: from closing the log to writing there",
            measure="closed",
            unit="s",
            aim=1,
            note="the second parcel, of what was recorded meanwhile; both places come to the same root, digests of all "
            "read models and next prediction, or the job fails",
        ),
        Versus(
            against="target",
            kind="limit",
            case=f"{events}: the first parcel written and brought, while people work",
            measure="first",
            unit="s",
        ),
    )


def _moved(here: Place, there: Place, tenant: UUID, past: Past, session: Session, folder: Path) -> Figures:
    """Seconds that the first parcel takes, and for which nobody can write."""
    to, sender = here.moving.receiver(str(there.moving.identity)), there.moving.receiver(str(here.moving.identity))
    session.say("the first parcel")
    began = time.perf_counter()
    upto = here.moving.pack(tenant, "Acme", to, 0, folder / "first", leaves=False)
    there.moving.unpack(folder / "first", sender)
    first = time.perf_counter() - began
    past.grow(past.events + MEANWHILE, until=time.monotonic() + CLOSED)
    session.say("the second parcel")
    began = time.perf_counter()
    here.moving.close(tenant)
    last = here.moving.pack(tenant, "Acme", to, upto, folder / "second", leaves=True)
    arrival = there.moving.unpack(folder / "second", sender)
    closed = time.perf_counter() - began
    assert (arrival.upto, arrival.here) == (last, True)
    assert last > upto
    return {"first": first, "closed": closed}


def _compared(here: Place, there: Place, tenant: UUID, session: Session) -> None:
    """Raises `AssertionError` where anything is another in one of the two places."""
    ours, theirs = (_same(each, tenant, session) for each in (here, there))
    assert ours.root == theirs.root, "the root"
    assert ours.digests == theirs.digests, "the read models"
    assert ours.prediction == theirs.prediction, "the next prediction"
    assert len(ours.digests) == len({each.name for each in bootstrap.MODELS if hasattr(each, "row")})


def _same(place: Place, tenant: UUID, session: Session) -> Same:
    product = place.product
    session.say("sealing, folding, predicting")
    sealer = Sealer(tenant, product.worker.database, bootstrap.signer_of(product.settings))
    while sealer.seal():
        pass
    with ThreadPoolExecutor(2) as threads:
        runner = product.runner(tenant, threads)
        runner.catch_up()
        assert not any(lag.parked for lag in runner.lag())
    with bootstrap.store(product.worker, tenant).still() as (_, work):
        digests = {each.view.name: work.digest(each) for each in builds(bootstrap.MODELS)}
    return Same(
        note.parse(bootstrap.proofs(product.app).checkpoint(tenant)),
        digests,
        _prediction(product, tenant),
    )


def _prediction(product: Product, tenant: UUID) -> bytes:
    """What is said of the newest prospect by a learner that has folded the log."""
    log, learner, newest = product.logs.of(tenant), bootstrap.learner(), None
    for recorded in facts(log, log.head()[1]):
        learner.step(recorded)
        if isinstance(recorded.fact, Captured):
            newest = recorded.stream
    assert newest
    return msgspec.json.encode(learner.score(UUID(f"{newest}".rpartition("/")[2]), list))

"""What runs beside the answers: each part keeps what it is for, for the tenants leased to it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from adapters.deliveries import Courier, Stand, Ways
from adapters.nats.purge import Purge
from adapters.nats.relay import Relay
from adapters.nats.score import Scorer, serve_scores
from adapters.outbound import Outbound
from adapters.postgres.recorder import Recorder
from adapters.privacy import Remains
from adapters.proofs.cosigner import Cosigned, Cosigner
from adapters.proofs.sealer import Sealer
from adapters.reports import Schedules
from adapters.trust import trust
from api.bootstrap.capabilities import DECIDERS, MODELS
from api.bootstrap.learned import kept, learner, model, unlearned
from api.bootstrap.product import Product, deliveries, looks, signer_of
from api.bootstrap.troubles import UNAVAILABLE
from api.bootstrap.upkeep import leases_of, store
from api.checking import Checker, Look
from api.erasing import Replayed
from api.learning import Models
from api.rounds import Rounds, Work
from application.keys import Keeping
from application.privacy import Erasing
from application.proofs import hear
from application.reports import Reporting
from projections.proofs import submission
from projections.proofs.submission import Named
from projections.worker import Deaf, Ear, Woken, Worker

SEALERS = 6
"""Threads of a process that seal; each has a connection of the pool's eight while it does."""
GATHERING = 0.6
"""Seconds that sealing waits for more events to join the first; within a second they are sealed."""
SIDE_BY_SIDE = 4
"""Models that are folded at the same time, and fits; more would wait for Python's lock."""
LANES = 4
"""Threads that deliver."""


def scorer(product: Product) -> Any:
    """`application.ports.Scorer`, measured."""
    return product.telemetry.scorer(Scorer(product.link))


def _leased(product: Product, job: str, work: Callable[[Callable[[], set[UUID]], float], None]) -> threading.Thread:
    """A thread that works for the tenants leased to this process for that job.

    `work` is given what answers with them, and for how many seconds a lease lasts.
    """
    leases = leases_of(product)

    def run() -> None:
        work(partial(leases.renew, job), leases.seconds)
        # Where the database has gone first, the leases end by themselves.
        with suppress(*UNAVAILABLE):
            leases.release()

    return threading.Thread(target=run, name=job)


def _rounds(product: Product, job: str, of: Callable[[UUID], Work], stop: threading.Event) -> threading.Thread:
    return _leased(product, job, lambda renew, seconds: Rounds(job, renew, seconds / 3, of).run(stop))


def erasing(product: Product, stop: threading.Event) -> threading.Thread:
    """A thread that carries out the approved erasures."""
    messages, works = Purge(product.link), WeakValueDictionary[UUID, Erasing]()
    product.telemetry.metrics.unfinished(lambda: [each.since for ref in works.valuerefs() if (each := ref())])

    def of(tenant: UUID) -> Erasing:
        log = product.logs.of(tenant)
        remains = Remains(store(product, tenant), log, product.database, product.erasures, MODELS, DECIDERS, messages)
        works[tenant] = made = Erasing(log, remains, Replayed(log, learner, kept(product, tenant)))
        return made

    return _rounds(product, "privacy", of, stop)


def checking(product: Product, stop: threading.Event) -> threading.Thread:
    """A thread that has each tenant's whole record looked at from time to time."""
    settings, told, kept = product.settings, product.telemetry.metrics.checks, looks(product.settings)
    if settings.check:
        told.watch(kept.all)

    def work(renew: Callable[[], set[UUID]], seconds: float) -> None:
        Checker(renew, seconds / 3, settings.check, product.logs.of, Look(settings), kept, told).run(stop)

    return _leased(product, "check", work)


def reporting(product: Product, stop: threading.Event) -> threading.Thread:
    """A thread that asks for the scheduled reports."""

    def of(tenant: UUID) -> Reporting:
        return Reporting(product.logs.of(tenant), Schedules(store(product, tenant), product.database).due)

    return _rounds(product, "reports", of, stop)


def keeping(product: Product, stop: threading.Event) -> threading.Thread:
    """A thread that rotates the tenants' keys, destroys those that are old, and tells the trails who used them."""

    def of(tenant: UUID) -> Keeping:
        rings = product.logs.rings
        return Keeping(tenant, product.logs.of(tenant), rings.custody(tenant), rings.untold(tenant))

    return _rounds(product, "keys", of, stop)


def relay(product: Product) -> Relay:
    """Publish to JetStream whatever is committed, once the link starts."""
    leases = leases_of(product)
    source = partial(Recorder, database=product.database, committer=product.committer)
    told, erased = product.telemetry.relayed, product.erasures.erased
    made = Relay(product.link, product.database.heads, source, leases, told=told, erased=erased)
    product.telemetry.relay(made.behind, lambda: made.forked)
    return made


def sealing(product: Product, stop: threading.Event) -> list[threading.Thread]:
    """Threads that share the tenants leased to this process and seal their logs.

    Most of sealing is waiting: for the database, and for the disk that the signer remembers on.
    """
    signer, told = signer_of(product.settings), product.telemetry
    sealers = WeakValueDictionary[UUID, Sealer]()
    told.metrics.refused(lambda: sum(bool(each.refusal) for ref in sealers.valuerefs() if (each := ref())))

    def sealer(tenant: UUID) -> Sealer:
        made = Sealer(tenant, product.database, signer, sealed=told.metrics.sealed)
        sealers[tenant] = made
        return made

    def run() -> None:
        leases = leases_of(product, "seal")
        with product.wakes.commits() as ear:
            Worker(
                leases,
                product.database.heads,
                sealer,
                Unhurried(ear),
                product.settings.poll or None,
                told.metrics.lag,
                "seals",
            ).run(stop)

    return [threading.Thread(target=run, name=f"seal {n}") for n in range(SEALERS)]


def witnessing(product: Product, stop: threading.Event) -> list[threading.Thread]:
    """A thread for each witness, so that none waits for another: it is brought the newest checkpoint of each tenant."""
    return [_before(product, stop, each) for each in submission.witnesses(product.settings.witnesses)]


def _before(product: Product, stop: threading.Event, named: Named) -> threading.Thread:
    name = named.key.name
    leases = leases_of(product, f"witness {named.key.text}")
    # The operator names this address, and has said so where it is plain HTTP.
    cosigner = Cosigner(named, Outbound(private=True, trust=trust(product.settings.authorities)))

    def disputed(tenant: UUID, why: str) -> None:
        hear(product.logs.of(tenant), name, why)

    work = Worker(
        leases,
        product.database.heads,
        lambda tenant: Cosigned(tenant, product.database, cosigner, disputed=disputed),
        Deaf(stop),
        # A checkpoint is told of by nobody: it is looked for.
        product.settings.poll or 0.5,
        product.telemetry.metrics.cosigned,
        f"cosigning by {name}",
    )
    return threading.Thread(target=work.run, args=[stop], name=f"witness {name}")


def delivering(product: Product, stop: threading.Event) -> list[threading.Thread]:
    """Threads that share the tenants, so that a destination that is slow keeps few others waiting."""
    return [
        threading.Thread(target=_courier(product, stop).run, args=[stop], name=f"deliver {n}") for n in range(LANES)
    ]


def _courier(product: Product, stop: threading.Event) -> Worker:
    leases = leases_of(product, "deliver")
    ways = Ways(Outbound(hosts=product.settings.outbound))
    opened = deliveries(product).opened

    def of(tenant: UUID) -> Courier:
        stand = Stand(store(product, tenant), product.database)
        log, granted = product.logs.of(tenant), product.logs.must_be_granted
        return Courier(log, stand, ways, opened, lambda id: product.erasures.erase(tenant, [id]), granted)

    return Worker(
        leases,
        product.database.heads,
        of,
        Deaf(stop),
        # What is sealed is told of by nobody: it is looked for.
        product.settings.poll or 0.5,
        product.telemetry.metrics.delivered,
        "deliveries",
    )


class Unhurried:
    """An ear that gathers for a while what it has heard: a checkpoint is for many events."""

    def __init__(self, ear: Ear) -> None:
        self._ear = ear

    def wait(self, seconds: float) -> Woken:
        woken = self._ear.wait(seconds)
        if woken.tenants or woken.all:
            time.sleep(GATHERING)
        return woken


def learning(product: Product, stop: threading.Event) -> threading.Thread:
    """A thread that keeps the models of the tenants leased to this process, and answers for scores over the link."""
    fits, folds = (ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix=name) for name in ("refit", "fold"))
    models = Models(partial(model, product, fits), partial(unlearned, product), folds)
    serve_scores(product.link, models.score)

    def work(renew: Callable[[], set[UUID]], seconds: float) -> None:
        with product.wakes.commits() as ear:
            models.run(renew, seconds, ear.wait, stop, product.settings.poll or 0.5)
        # A fit that is under way keeps nobody waiting for the leases.
        fits.shutdown(wait=False, cancel_futures=True)
        folds.shutdown()

    return _leased(product, "learning", work)

"""Read models: what keeps them beside the answers, builds them anew, and holds them against the log."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

from adapters.postgres.held import held as against
from adapters.postgres.leases import VIEWS, Leases
from adapters.postgres.views import Views
from api.bootstrap.capabilities import MODELS
from api.bootstrap.product import Product
from projections.builds import Difference
from projections.looks import Aside
from projections.proofs.found import Findings
from projections.runner import Runner
from projections.worker import Worker

PATIENT = 10
"""The priority of a process that nobody waits for."""


def store(product: Product, tenant: UUID) -> Views:
    """A tenant's views as their runner sees them."""
    return Views(tenant, product.database, product.logs.of(tenant))


def leases_of(product: Product, job: str = VIEWS) -> Leases:
    """Of a worker of its own, for the tenants that are here still."""
    return Leases(product.database, uuid4(), job=job, gone=product.logs.rings.services.gone)


def views(product: Product, stop: threading.Event) -> threading.Thread:
    """A thread that keeps the views of the tenants leased to this process."""
    leases = leases_of(product)
    told, aside = product.telemetry, Aside()

    def run() -> None:
        with product.wakes.commits() as ear, ThreadPoolExecutor(2, "views") as threads:
            poll = product.settings.poll or None
            Worker(
                leases,
                product.database.heads,
                lambda tenant: runner(product, tenant, threads, aside=aside),
                ear,
                poll,
                told.metrics.lag,
            ).run(stop)

    return threading.Thread(target=run, name="views")


def held(product: Product, tenant: UUID, findings: Findings, *, fold: bool = True) -> list[str]:
    """Hold a tenant's read models against a fold of the log, or against their digests alone; which they are."""
    return against(store(product, tenant), product.logs.of(tenant), MODELS, findings, fold=fold)


def runner(
    product: Product, tenant: UUID, threads: Executor, models: Sequence[Any] = MODELS, aside: Aside | None = None
) -> Runner:
    """What keeps one tenant's views, as the worker has it."""
    log, told = product.logs.of(tenant), product.telemetry
    tap = told.tap(log, product.wakes.seen)
    return Runner(tap, store(product, tenant), models, meter=told.metrics, seen=tap.seen, threads=threads, aside=aside)


def renewed(product: Product, tenant: UUID, views: Sequence[str]) -> dict[str, list[Difference] | None]:
    """Rebuild views while they are read and written, in a process for nothing else. Raises as `Runner.renew`."""
    # Whoever is served comes first.
    os.setpriority(os.PRIO_PROCESS, 0, PATIENT)
    with ThreadPoolExecutor(2, "rebuild") as threads:
        return runner(product, tenant, threads).renew(views)

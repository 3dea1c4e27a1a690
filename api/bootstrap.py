"""Where ports meet adapters, and nowhere else. A new capability adds a line to `DECIDERS`, one to `MODELS`, or both."""

import gc
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
from msgspec import Struct
from msgspec.structs import replace
from psycopg_pool import PoolClosed, PoolTimeout

from adapters import recovery as recovery  # noqa: PLC0414 - commands reach adapters through here alone
from adapters.casbin import Casbin
from adapters.embedded import CannotStart, running, wipe
from adapters.embedded.backup import Unusable
from adapters.embedded.settings import Settings as Servers
from adapters.erasures import Erasures, Outdated
from adapters.kms import Exposed, FileKMS
from adapters.ledger import Damaged, Ledger
from adapters.log import Logs
from adapters.nats.link import Away, Link
from adapters.nats.relay import Relay
from adapters.nats.score import Scorer, serve_scores
from adapters.nats.streams import TooOld, ensure_streams
from adapters.nats.wake import Wakes
from adapters.postgres import migrate as schema
from adapters.postgres.atom import Busy, Failing, Full, Unsettled
from adapters.postgres.check import Unsafe, check
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database
from adapters.postgres.leases import Leases
from adapters.postgres.lint import lint
from adapters.postgres.reads import ReadModels
from adapters.postgres.recorder import Recorder
from adapters.postgres.replica import Replica
from adapters.postgres.roles import worker_of
from adapters.postgres.silence import ANSWER, WORK
from adapters.postgres.tables import create
from adapters.postgres.views import Views
from adapters.promotion import Unpromoted
from adapters.telemetry import Telemetry
from api.learning import Model, Models
from api.settings import Settings, Unset
from application.api_keys import Keyring
from application.audit import Trail
from application.entry import Entry
from application.pipeline import Pipeline
from application.predictions import Learner
from domain.api_keys import api_keys
from domain.audit import audit
from domain.kernel import Decider
from domain.orgs import orgs
from domain.predictions import predictions
from domain.prospects import prospects
from domain.tenancy import tenancy
from projections.audit import audit as trail
from projections.funnel import funnel
from projections.predictions.book import book, scores
from projections.predictions.milestones import milestones
from projections.prospects import prospects as list_of_prospects
from projections.runner import Runner
from projections.worker import Worker
from tenants.context import SYSTEM
from tenants.isolation import Finding
from tenants.keys import Missing

DECIDERS: dict[str, Decider[Any]] = {
    each.name: each for each in (prospects, predictions, orgs, api_keys, audit, tenancy)
}
MODELS = (list_of_prospects, funnel, trail, book, scores, milestones)

PLAIN = (
    *(Away, CannotStart, Exposed, TooOld, Unsafe, psycopg.OperationalError, PoolTimeout),
    *(Damaged, Missing, Outdated, Unpromoted, Unusable),
)
"""Whose message is all that somebody at a terminal needs."""
UNAVAILABLE = (psycopg.OperationalError, PoolTimeout, PoolClosed, Busy, Failing, Unsettled)
"""Troubles that pass: the request may be sent again."""
FULL = (psycopg.errors.DiskFull, Full)
"""Those of them that pass when somebody makes room."""

TERMINAL = "everlog"
"""The service that a command of the command line is."""


class Product(Struct, frozen=True):
    """One process's share of the product, joined; open for threads, and for the event loop after `database.start()`."""

    settings: Settings
    telemetry: Telemetry
    database: Database
    committer: Committer
    logs: Logs
    link: Link
    wakes: Wakes
    reads: ReadModels
    replica: Replica | None
    keyring: Keyring
    access: Casbin
    pipeline: Pipeline
    entry: Entry


def embedded(settings: Settings, stack: ExitStack) -> tuple[Settings, Callable[[], str]]:
    """Start the embedded servers for as long as the stack stands; the settings with their addresses.

    Also answers with a function that says why a server was given up, or nothing while none was.

    Raises:
        CannotStart: it says what is wrong and what to do.
    """
    servers = stack.enter_context(running(settings.home, Servers(archive=settings.archive)))
    known = servers.addresses
    return replace(
        settings, database=known.app, owner=known.owner, worker=known.worker, nats=known.nats
    ), lambda: servers.why


def wiped(settings: Settings) -> None:
    """Take away all that embedded servers keep; keys stay. Raises `CannotStart` while they run."""
    wipe(settings.home)
    Ledger(settings.keys).set_aside(datetime.now(UTC))


def migrate(settings: Settings) -> None:
    """Roles, schema, read models, walls and streams. Raises `Unset` without the owner's URL, and what `PLAIN` lists."""
    if not settings.owner:
        raise Unset("Set EVERLOG_OWNER_URL: tables and roles are made by a role that the product does not run as.")
    worker = settings.worker or None
    schema.migrate(settings.owner, settings.database, worker, lambda connection, _: create(connection, MODELS))
    if settings.nats:
        ensure_streams(settings.nats)


def holes(settings: Settings) -> list[Finding]:
    """What a look at the database's catalogue finds wrong with the walls."""
    with psycopg.connect(settings.database) as connection:
        return lint(connection)


@cache
def _telemetry(service: str) -> Telemetry:
    """Once in a process. Who stands at a terminal is told of warnings alone, unless they ask for more."""
    quiet = {"EVERLOG_LOG_LEVEL": "WARNING"} if service == TERMINAL else {}
    return Telemetry.of(service, {**quiet, **os.environ})


@cache
def _settle() -> None:
    """Once in a process: what is loaded by now stays, and no search for garbage goes through it again.

    Facts, rows and requests are in no cycles, and Python looks for some after every 700 new objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@contextmanager
def product(settings: Settings, service: str = TERMINAL, *, worker: bool = False) -> Iterator[Product]:
    """The product in this process, closed when the block ends. Raises `Unsafe` where the database is not fit for it."""
    url = (settings.worker or worker_of(settings.database)) if worker else settings.database
    with psycopg.connect(url) as connection:
        check(connection)
    telemetry = _telemetry(service)
    _settle()
    with ExitStack() as stack:
        stack.callback(telemetry.close)
        link = Link(settings.nats)
        wakes = Wakes(link)
        database = stack.enter_context(Database(url, patience=WORK if worker else ANSWER))
        telemetry.metrics.pools(database.use)
        committer = stack.enter_context(Committer(url, wakes.committed, on_drain=telemetry.metrics.drained))
        logs = stack.enter_context(Logs(database, committer, FileKMS(settings.keys), DECIDERS.values()))
        logs.provision(SYSTEM)
        Erasures(database, Ledger(settings.keys)).settle()
        stack.callback(link.stop)
        yield _joined(settings, telemetry, database, committer, logs, link, wakes)


def _joined(
    settings: Settings,
    telemetry: Telemetry,
    database: Database,
    committer: Committer,
    logs: Logs,
    link: Link,
    wakes: Wakes,
) -> Product:
    # Cursors are bound by a key that all processes of an installation share and that no database holds.
    secret = logs.rings.of(SYSTEM).token("cursors", "secret")
    reads = ReadModels(database, MODELS, secret, logs.of, wakes.views, settings.poll or None)
    replica = _replica(settings, lambda far: ReadModels(far, MODELS, secret, logs.of))
    told = telemetry.logs(logs)
    keyring = Keyring(told)
    access = Casbin(told, keyring)
    pipeline = telemetry.pipeline(Pipeline(told, access, Trail(told), replica.beside(reads) if replica else reads.of))
    entry = telemetry.entry(Entry(keyring, told))
    return Product(
        settings=settings,
        telemetry=telemetry,
        database=database,
        committer=committer,
        logs=logs,
        link=link,
        wakes=wakes,
        reads=reads,
        replica=replica,
        keyring=keyring,
        access=access,
        pipeline=pipeline,
        entry=entry,
    )


def _replica(settings: Settings, models: Callable[[Database], ReadModels]) -> Replica | None:
    return Replica(settings.database, settings.replica, models) if settings.replica else None


def scorer(product: Product) -> Any:
    """`application.ports.Scorer`, measured."""
    return product.telemetry.scorer(Scorer(product.link))


def store(product: Product, tenant: UUID) -> Views:
    """A tenant's views as their runner sees them."""
    return Views(tenant, product.database, product.logs.of(tenant))


def views(product: Product, stop: threading.Event) -> threading.Thread:
    """A thread that keeps the views of the tenants leased to this process."""
    leases = Leases(product.database, uuid4())
    told = product.telemetry

    def run() -> None:
        with product.wakes.commits() as ear, ThreadPoolExecutor(2, "views") as threads:
            poll = product.settings.poll or None
            Worker(
                leases,
                product.database.heads,
                lambda tenant: runner(product, tenant, threads),
                ear,
                poll,
                told.metrics.lag,
            ).run(stop)

    return threading.Thread(target=run, name="views")


def runner(product: Product, tenant: UUID, threads: Executor, models: Sequence[Any] = MODELS) -> Runner:
    """What keeps one tenant's views, as the worker has it."""
    log, told = product.logs.of(tenant), product.telemetry
    tap = told.tap(log, product.wakes.seen)
    return Runner(tap, store(product, tenant), models, meter=told.metrics, seen=tap.seen, threads=threads)


def relay(product: Product) -> Relay:
    """Publish to JetStream whatever is committed, once the link starts."""
    leases = Leases(product.database, uuid4())
    source = partial(Recorder, database=product.database, committer=product.committer)
    made = Relay(product.link, product.database.heads, source, leases, told=product.telemetry.relayed)
    product.telemetry.relay(made.behind, lambda: made.forked)
    return made


def learner(executor: Executor | None = None) -> Learner:
    """A model that has folded nothing yet."""
    from adapters.learning import Libraries
    from projections.predictions.definition import conversion
    from projections.predictions.learner import Learner

    return Learner(conversion, Libraries(), executor)


def learning(product: Product, stop: threading.Event) -> threading.Thread:
    """A thread that keeps the models of the tenants leased to this process, and answers for scores over the link."""
    fits = ThreadPoolExecutor(1, thread_name_prefix="refit")
    models = Models(lambda tenant: Model(product.logs.of(tenant), learner(fits)))
    serve_scores(product.link, models.score)
    leases = Leases(product.database, uuid4())

    def run() -> None:
        with product.wakes.commits() as ear:
            models.run(partial(leases.renew, "learning"), leases.seconds, ear.wait, stop, product.settings.poll or 0.5)
        # Where the database has gone first, the leases end by themselves.
        with suppress(*UNAVAILABLE):
            leases.release()
        fits.shutdown(cancel_futures=True)

    return threading.Thread(target=run, name="learning")

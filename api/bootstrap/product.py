"""One process's share of the product."""

import gc
import os
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from uuid import UUID

import psycopg
from msgspec import Struct

from adapters.casbin import Casbin
from adapters.deliveries import Deliveries
from adapters.erasures import Erasures
from adapters.journal import Journal, aside
from adapters.journal.segment import Segment
from adapters.keyring import Rings, Services
from adapters.kms import OWN_SECONDS, named
from adapters.ledger import Ledger
from adapters.log import Logs
from adapters.nats.forget import Forgetting
from adapters.nats.link import Link
from adapters.nats.wake import Wakes
from adapters.parcel.moving import Moving
from adapters.postgres.check import check
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database
from adapters.postgres.reads import ReadModels
from adapters.postgres.replica import Replica
from adapters.postgres.roles import worker_of
from adapters.postgres.silence import ANSWER, WORK
from adapters.postgres.standing import standing as standing_of
from adapters.proofs.anew import Anew, Read
from adapters.proofs.keyed import keyed
from adapters.proofs.looks import Looks
from adapters.proofs.proven import Proven
from adapters.proofs.reserved import Reserved
from adapters.proofs.signer import Signer
from adapters.telemetry import Telemetry
from adapters.trust import trust
from api.bootstrap.capabilities import DECIDERS, MODELS
from api.settings import Settings
from application.api_keys import Keyring
from application.audit import Trail
from application.entry import Entry
from application.pipeline import Pipeline
from projections.proofs import submission
from projections.proofs.found import Findings
from tenants.context import SYSTEM
from tenants.keys import KMS
from tenants.residency import Claim

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
    trail: Trail
    pipeline: Pipeline
    entry: Entry
    erasures: Erasures


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
        link = Link(settings.nats, trust=trusted(settings))
        wakes = Wakes(link)
        database = stack.enter_context(Database(url, patience=WORK if worker else ANSWER))
        telemetry.metrics.pools(database.use)
        telemetry.metrics.disks({name: getattr(settings, name) for name in ("home", "keys", "journal")})
        committer = stack.enter_context(Committer(url, wakes.committed, on_drain=telemetry.metrics.drained))
        logs = stack.enter_context(Logs(database, committer, services(settings), DECIDERS.values(), program=service))
        logs.provision(SYSTEM)
        erasures = Erasures(database, Ledger(settings.keys), Forgetting(link, logs.rings))
        erasures.settle()
        stack.callback(link.stop)
        yield _joined(settings, telemetry, database, committer, logs, link, wakes, erasures)


def _joined(
    settings: Settings,
    telemetry: Telemetry,
    database: Database,
    committer: Committer,
    logs: Logs,
    link: Link,
    wakes: Wakes,
    erasures: Erasures,
) -> Product:
    # Cursors are bound by a key that all processes of an installation share and that no database holds.
    secret = logs.rings.of(SYSTEM).token("cursors", "secret")
    reads = ReadModels(database, MODELS, secret, logs.of, wakes.views, settings.poll or None)
    replica = _replica(settings, lambda far: ReadModels(far, MODELS, secret, logs.of))
    told = telemetry.logs(logs)
    keyring = Keyring(told)
    access = Casbin(told, keyring)
    trail = Trail(told)
    pipeline = telemetry.pipeline(Pipeline(told, access, trail, replica.beside(reads) if replica else reads.of))
    entry = telemetry.entry(Entry(keyring, told, trail))
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
        trail=trail,
        pipeline=pipeline,
        entry=entry,
        erasures=erasures,
    )


def kms(settings: Settings, setting: str) -> KMS:
    """The key service that a setting names, as `EVERLOG_KMS` would. Raises `adapters.kms.Unnamed`."""
    return named(setting, settings.keys)


def services(settings: Settings) -> Services:
    """The installation's key service, and those that organisations brought."""
    return Services(
        named(settings.kms, settings.keys), settings.keys, lambda setting: named(setting, settings.keys, OWN_SECONDS)
    )


def trusted(settings: Settings) -> ssl.SSLContext:
    """Whom NATS and witnesses are verified by. Raises `adapters.trust.Untrusted`."""
    return trust(settings.authorities, settings.nats_certificate, settings.nats_key)


def signer_of(settings: Settings) -> Signer:
    """Who signs checkpoints: with keys of the key folder, for generations that the ledger knows."""
    ledger = Ledger(settings.keys)
    return Signer(settings.keys, lambda: ledger.generation, ledger.came)


def looks(settings: Settings) -> Looks:
    """`application.proofs.Looks`: what is remembered of looks at whole records, in the key folder."""
    return Looks(settings.keys)


def proofs(product: Product) -> Proven:
    """`application.proofs.Proofs`."""
    witnesses = submission.witnesses(product.settings.witnesses)
    return Proven(product.database, signer_of(product.settings), witnesses)


def standing(product: Product) -> Callable[[UUID], Awaitable[Claim | None]]:
    """How a tenant stands here, for the router that asks."""
    return partial(standing_of, product.database)


def deliveries(product: Product) -> Deliveries:
    """`application.deliveries.Deliveries`."""
    return Deliveries(product.database, product.logs.rings)


def journal(product: Product) -> Journal:
    """Where an API process writes down what is read, before it answers."""
    made = Journal(product.settings.journal, product.logs)
    words = "Files of reads in the journal's folder, by what has become of them."
    product.telemetry.metrics.watch("everlog_journal_files", words, made.files, "state")
    return made


def remains(product: Product, tenant: UUID, waits: Callable[[UUID], bool]) -> list[Segment]:
    """The journal's files on this machine that are kept for a tenant alone."""
    return aside.remains(product.settings.journal, tenant, waits)


def reread(settings: Settings, tenant: UUID, findings: Findings) -> tuple[Read, int]:
    """A tenant's log, proofs and keys, looked at without opening the product; also how many subjects have keys."""
    ledger = Ledger(settings.keys)
    with Database(settings.worker or worker_of(settings.database), patience=WORK) as database:
        read = Anew(tenant, database, signer_of(settings), findings).look()
        ring = Rings(database, services(settings), program=TERMINAL).of(tenant)
        return read, keyed(tenant, database, ring, ledger, findings)


def reserved(product: Product, tenant: UUID) -> Reserved:
    """What a tenant's facts have reserved, to be held against the table."""
    return Reserved(tenant, product.database, product.logs.codec, product.logs.of(tenant))


def moving(product: Product) -> Moving:
    """What takes organisations to other installations, and brings them."""
    return Moving(product.database, product.logs, product.settings.keys)


def _replica(settings: Settings, models: Callable[[Database], ReadModels]) -> Replica | None:
    return Replica(settings.database, settings.replica, models) if settings.replica else None

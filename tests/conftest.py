"""What tests share: real servers, started once."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import settings

from adapters.embedded import Servers, running, wipe
from adapters.kms import FileKMS
from adapters.log import Logs, TenantLog
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database, found
from adapters.postgres.migrate import migrate
from adapters.postgres.tables import create
from projections.audit import activity, actors, audit
from projections.deliveries import deliveries
from projections.funnel import funnel
from projections.predictions.book import book, scores
from projections.predictions.milestones import milestones
from projections.privacy import consents, erasures, holds
from projections.prospects import prospects
from tests.deciders import DECIDERS

MODELS = (prospects, funnel, audit, activity, actors, book, scores, milestones, erasures, holds, consents, deliveries)

# No test asserts on time, and a machine that does something else besides is slow.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """PostgreSQL and NATS in a folder of this run, or in the one that EVERLOG_TEST_FOLDER names (which is kept).

    Each process that shares a run has servers of its own.
    """
    kept = os.environ.get("EVERLOG_TEST_FOLDER")
    own = os.environ.get("PYTEST_XDIST_WORKER", "")
    folder = Path(kept, own) if kept else tmp_path_factory.mktemp("servers")
    with running(folder) as servers:
        yield servers
    if not kept:
        wipe(folder)


@pytest.fixture(scope="session")
def migrated(servers: Servers) -> Servers:
    """The same servers, with the schema of this release and its read models in the database."""
    addresses = servers.addresses
    migrate(addresses.owner, addresses.app, addresses.worker, lambda connection, _: create(connection, MODELS))
    return servers


@pytest.fixture(scope="session")
def database(migrated: Servers) -> Iterator[Database]:
    """The app role's database, open for threads; a test that awaits starts and stops a pool of its own."""
    with Database(migrated.addresses.app) as database:
        yield database


@pytest.fixture(scope="session")
def committer(migrated: Servers) -> Iterator[Committer]:
    with Committer(migrated.addresses.app) as committer:
        yield committer


@pytest.fixture
def tenant(database: Database) -> UUID:
    """A new tenant with an empty log."""
    tenant = uuid4()
    found(database, tenant)
    return tenant


@pytest.fixture(scope="session")
def logs(database: Database, committer: Committer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logs]:
    """The logs of all tenants, with keys in a folder of this run; a test that awaits starts the database's pool."""
    with Logs(database, committer, FileKMS(tmp_path_factory.mktemp("keys") / "kms"), DECIDERS) as logs:
        yield logs


@pytest.fixture
def log(logs: Logs, tenant: UUID) -> TenantLog:
    """A new tenant's log."""
    return logs.of(tenant)

"""One API for all tests of the edge, with two tenants."""

import psycopg
import pytest

from adapters.journal import Journal
from adapters.kms import FileKMS
from adapters.log import Logs
from adapters.postgres import walls
from adapters.postgres.database import Database
from adapters.postgres.roles import Roles
from adapters.postgres.tables import create
from adapters.proofs.signer import Signer
from projections.audit import activity, actors, audit
from projections.deliveries import deliveries
from projections.funnel import funnel
from projections.orgs import members
from projections.predictions.book import book, scores
from projections.predictions.milestones import milestones
from projections.privacy import consents, erasures, holds
from projections.prospects import prospects
from projections.reports import reports, schedules
from projections.searches import searches
from tenants.context import SYSTEM
from tests.api.world import DECIDERS, World

KEPT = (prospects, funnel, audit, activity, actors, book, scores, milestones, erasures, holds, consents)
MODELS = (*KEPT, reports, schedules, deliveries, searches, members)


@pytest.fixture(scope="session")
def world(migrated, committer, tmp_path_factory):
    addresses = migrated.addresses
    with psycopg.connect(addresses.owner) as connection:
        create(connection, MODELS)
        walls.enclose(connection, Roles("everlog_app", "everlog_worker"))
    secrets = {"kms": tmp_path_factory.mktemp("keys"), "keys": tmp_path_factory.mktemp("signer")}
    kms = FileKMS(secrets["kms"])
    with (
        Database(addresses.app) as database,
        Database(addresses.worker) as keeper,
        Logs(database, committer, kms, DECIDERS.values()) as logs,
    ):
        journal = Journal(tmp_path_factory.mktemp("journal"), logs, every=0.05)
        signer = Signer(secrets["keys"], lambda: 1)
        world = World(logs, database, keeper, MODELS, signer, journal)
        world.secrets = secrets
        logs.provision(SYSTEM)
        with journal, world.running():
            yield world


@pytest.fixture(scope="session")
def acme(world):
    return world.tenant()


@pytest.fixture(scope="session")
def other(world):
    return world.tenant()

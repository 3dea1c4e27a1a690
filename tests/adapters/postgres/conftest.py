"""Views of the tests' own on the real database, and what a runner needs of it."""

from uuid import uuid4

import psycopg
import pytest

from adapters.postgres import walls
from adapters.postgres.atom import Atom
from adapters.postgres.database import Database, found
from adapters.postgres.link import Link
from adapters.postgres.roles import Roles
from adapters.postgres.tables import create
from adapters.postgres.views import Views
from projections.runner import Runner
from tests.adapters.postgres.asking import EVENTS, MODELS
from tests.adapters.postgres.atoms import together
from tests.story import Clear, Told


@pytest.fixture(scope="session")
def keeper(migrated):
    """The worker role's database."""
    with Database(migrated.addresses.worker) as database:
        yield database


@pytest.fixture
def store(keeper, tenant):
    return Views(tenant, keeper, Clear())


@pytest.fixture(scope="session")
def make(migrated):
    """Make the tables of more views, as `everlog migrate` does."""

    def make(*models):
        with psycopg.connect(migrated.addresses.owner) as connection:
            create(connection, models)
            walls.enclose(connection, Roles("everlog_app", "everlog_worker"))

    return make


@pytest.fixture
def link(migrated):
    link = Link(migrated.addresses.app)
    yield link
    link.close()


@pytest.fixture(params=["unlooked", "alone", "in company"])
def append(request, committer, link, tenant):
    """Append an atom in each way there is: put as it is, or looked at by itself or together with others."""
    others = [Atom([], tracking=(str(uuid4()), 1))] if request.param == "in company" else []

    def looked_at(atom):
        *_, told = together(link, tenant, *others, atom)
        others[:] = [Atom([], tracking=(str(uuid4()), 1)) for _ in others]
        if isinstance(told, Exception):
            raise told
        return told

    return looked_at if request.param != "unlooked" else lambda atom: committer.submit(tenant, atom).result(30)


@pytest.fixture
def owner(migrated):
    """A connection that no wall holds, to break things by hand."""
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def full(keeper, database):
    """A tenant whose views hold `asking.EVENTS`."""
    tenant = uuid4()
    found(database, tenant)
    Runner(Told(tenant, EVENTS), Views(tenant, keeper, Clear()), MODELS).catch_up()
    return tenant

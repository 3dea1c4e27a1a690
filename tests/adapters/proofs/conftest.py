"""What tests of proofs share: the worker's database, the attacker's connection, and a log that grows."""

from uuid import uuid4

import psycopg
import pytest
from msgspec.structs import replace

from adapters.postgres.atom import Atom
from adapters.postgres.database import Database
from adapters.proofs.signer import Signer
from tests.adapters.postgres.atoms import entry


@pytest.fixture(scope="session")
def keeper(migrated):
    with Database(migrated.addresses.worker) as database:
        yield database


@pytest.fixture
def owner(migrated):
    """A connection that no wall holds: the attacker's."""
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as connection:
        yield connection


@pytest.fixture
def signer(tmp_path):
    return Signer(tmp_path, lambda: 1)


@pytest.fixture
def grow(tenant, committer):
    """Append so many events, each in a stream of its own."""

    def grow(many):
        stream = f"tests/{uuid4()}"
        events = [replace(entry(stream, version), meta=b'{"event":"made-up"}') for version in range(many)]
        committer.submit(tenant, Atom(events)).result(30)

    return grow

"""A key folder, and the database as the worker has it."""

import pytest

from adapters.postgres.database import Database


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kms"


@pytest.fixture
def worker(migrated):
    with Database(migrated.addresses.worker) as worker:
        yield worker

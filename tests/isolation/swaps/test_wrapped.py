"""No wrapped key opens in another's place, of a subject or of a tenant.

The keys are made as weak as the claim allows: where one key could serve two places, it does, so that it is the place
alone that a box is refused for. The controls leave the associated data out, and see it open.
"""

from itertools import combinations
from uuid import UUID, uuid4

import psycopg
import pytest

from adapters import crypto
from adapters.keyring import Cache, Keys, Ring
from adapters.kms import FileKMS
from adapters.postgres.database import found
from tenants.keys import Misplaced
from tests.isolation.swaps.exchange import columns_of, swap

KEY = bytes(range(32))


def subject_key(*columns):
    return columns_of("everlog.subject_keys", columns, "subject")


def tenant_key(*columns):
    return columns_of("everlog.tenant_keys", columns, "purpose")


class Wrapped:
    """Two tenants' keys. One key of the key service, and one key in all wrappings, as far as a test can make it so."""

    def __init__(self, database, folder):
        self.database = database
        self.kms = FileKMS(folder)
        self.tenants, self.subjects = [uuid4(), uuid4()], [uuid4(), uuid4()]
        for tenant in self.tenants:
            found(database, tenant)
            self.ring(tenant).ensure(self.subjects)

    def ring(self, tenant):
        """That of a process which has nothing at hand."""
        return Ring(Keys(tenant, self.database, self.kms), self.database, Cache())

    def opens(self, tenant, subject=None):
        try:
            if subject:
                return subject in self.ring(tenant).fetch([subject])
            return bool(self.ring(tenant).keys.secret("tokens"))
        except (Misplaced, LookupError):
            return False

    def opened(self, power, sql, one, other):
        """Of two places that exchange their keys, those that open."""
        swap(power, (sql, one), (sql, other))
        try:
            return [self.opens(tenant, *rest if isinstance(rest[0], UUID) else ()) for tenant, *rest in (one, other)]
        finally:
            swap(power, (sql, one), (sql, other))


@pytest.fixture
def power(migrated):
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as connection:
        yield connection


@pytest.fixture
def alike(monkeypatch):
    """Every new key is the same."""
    monkeypatch.setattr("adapters.kms.folder.mint", lambda: KEY)
    monkeypatch.setattr(crypto, "mint", lambda: KEY)


@pytest.mark.parametrize("columns", [("wrapped",), ("wrapped", "epoch")])
def test_no_subjects_key_unwraps_in_the_place_of_another(database, power, alike, tmp_path, columns):
    keys = Wrapped(database, tmp_path / "kms")
    places = [(tenant, subject) for tenant in keys.tenants for subject in keys.subjects]
    assert all(keys.opens(*place) for place in places)
    for pair in combinations(places, 2):
        assert keys.opened(power, subject_key(*columns), *pair) == [False, False]


def test_without_associated_data_a_subjects_key_would(database, power, alike, unbound, tmp_path):
    keys = Wrapped(database, tmp_path / "kms")
    places = [(tenant, subject) for tenant in keys.tenants for subject in keys.subjects]
    assert all(keys.opened(power, subject_key("wrapped"), *pair) == [True, True] for pair in combinations(places, 2))


@pytest.mark.parametrize("columns", [("wrapped",), ("wrapped", "kms_key")])
def test_no_tenants_key_unwraps_in_the_place_of_another(database, power, alike, tmp_path, columns):
    keys = Wrapped(database, tmp_path / "kms")
    places = [(tenant, purpose) for tenant in keys.tenants for purpose in ("subjects", "tokens", "requests")]
    assert all(keys.opens(tenant) for tenant in keys.tenants)
    for pair in combinations(places, 2):
        assert keys.opened(power, tenant_key(*columns), *pair) == [False, False]


def test_without_associated_data_a_tenants_key_would(database, power, alike, unbound, tmp_path):
    keys = Wrapped(database, tmp_path / "kms")
    places = [(tenant, purpose) for tenant in keys.tenants for purpose in ("subjects", "tokens", "requests")]
    assert all(keys.opened(power, tenant_key("wrapped"), *pair) == [True, True] for pair in combinations(places, 2))

"""Rows opened field by field are what they are when everything is opened, erased and forgotten keys included."""

import asyncio
from uuid import UUID, uuid4

import pytest
from msgspec import Struct
from msgspec.structs import replace

from adapters.codec import Elsewhere
from adapters.kms import FileKMS
from adapters.log import Logs
from domain.kernel import Erased, Personal, Sealed
from projections.prospects import ProspectRow, evolve
from tenants.keys import Misplaced
from tests.adapters.log.test_keys import captured, erase, meta
from tests.deciders import DECIDERS

NAMES = ("name", "email", "attributes")


@pytest.fixture
def kms(tmp_path):
    return FileKMS(tmp_path / "kms")


@pytest.fixture
def log(database, committer, kms, tenant):
    with Logs(database, committer, kms, DECIDERS) as logs:
        logs.provision(tenant)
        yield logs.of(tenant)


@pytest.fixture
def rows(log):
    """Twenty prospects, as the view holds them."""
    for n in range(20):
        log.submit(f"prospects/{uuid4()}", 0, [captured(f"Ada {n}")], meta()).result(10)
    return [row for recorded in log.read(0) for row in evolve([], recorded)]


def fields(log, rows, names=NAMES):
    return asyncio.run(log.opened_fields(rows, names))


def whole(log, rows, names=NAMES):
    return [{name: getattr(row, name) for name in names} for row in log.open(tuple(rows))]


def test_each_field_is_open(log, rows):
    assert all(isinstance(row.name, Sealed) for row in rows)
    assert fields(log, rows) == whole(log, rows)
    assert {each["name"] for each in fields(log, rows)} == {f"Ada {n}" for n in range(20)}
    assert fields(log, []) == []


def test_keys_that_are_not_at_hand_are_fetched_and_the_erased_are_told(database, committer, kms, tenant, log, rows):
    gone = {row.id for row in rows[::3]}
    erase(database, tenant, *gone)
    with Logs(database, committer, kms, DECIDERS) as stranger:
        found = fields(stranger.of(tenant), rows)
        assert found == whole(stranger.of(tenant), rows)
    assert [each["name"] == Erased() for each in found] == [row.id in gone for row in rows]


def test_a_value_in_another_ones_place_is_refused(log, rows):
    one, other = rows[0], rows[1]
    moved = replace(one.name, box=other.name.box)
    with pytest.raises(Misplaced):
        fields(log, [replace(one, name=moved)])
    # The same person's mail address in the place of the name is read as what it was recorded as.
    assert fields(log, [replace(one, name=one.email)]) == whole(log, [replace(one, name=one.email)])


class Nested(Struct, frozen=True):
    id: UUID
    rows: tuple[ProspectRow, ...]
    name: Personal[str] | None = None


def test_what_is_sealed_further_in_is_opened_too(log, rows):
    nested = [Nested(uuid4(), tuple(rows[:2]), rows[0].name), Nested(uuid4(), ())]
    names = ("rows", "name")
    with pytest.raises(Elsewhere):
        log._opener.fields.open(nested, names, log._ring.get)
    assert fields(log, nested, names) == whole(log, nested, names)

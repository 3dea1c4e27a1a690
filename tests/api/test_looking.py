"""When a record was looked at is remembered beside the keys: what a superuser writes into the log keeps nobody off."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from structlog.testing import capture_logs

from adapters.proofs.looks import Looks
from application.proofs import Looked
from tests.api.looks import Checking
from tests.api.test_proofs import person
from tests.attacks.silence import append_look

DAY, HOUR = 24.0, timedelta(hours=1)


@pytest.fixture
def looks(tmp_path):
    return Looks(tmp_path)


@pytest.fixture
def made(world):
    def made():
        tenant = world.tenant()
        person(world, tenant)
        return tenant

    return made


@pytest.fixture
def checking(world, looks):
    """A worker that begins now, and whom it looks at."""

    def checking(*tenants):
        asked = []
        found = Checking(world, lambda tenant, _: asked.append(tenant), *tenants, hours=DAY, looks=looks)
        return found, asked

    return checking


@pytest.fixture
def attacker(migrated):
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as attacker:
        attacker.execute("set session_replication_role = replica")
        yield attacker


def ago(hours):
    return datetime.now(UTC) - hours * HOUR


@pytest.mark.parametrize("at", ["2500-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_look_that_nobody_made_keeps_neither_its_tenant_nor_others_from_being_looked_at(
    checking, looks, made, attacker, at
):
    clean, silenced, fresh = made(), made(), made()
    for each in (clean, silenced):
        looks.put(each.id, Looked(ago(25), sound=True))
    looks.put(fresh.id, Looked(ago(23), sound=True))
    append_look(attacker, silenced.id, at)
    worker, asked = checking(clean, silenced, fresh)
    worker.advance()
    assert set(asked) == {clean.id, silenced.id}


def test_where_nothing_is_remembered_the_log_counts_but_for_its_future_and_only_once(
    world, checking, looks, made, attacker
):
    old, fresh, silenced = made(), made(), made()
    append_look(attacker, old.id, f"{ago(25):%FT%TZ}")
    append_look(attacker, silenced.id, "9999-12-31T23:59:59Z")
    began = datetime.now(UTC)
    worker, asked = checking(old, fresh, silenced)
    worker.advance()
    assert asked == [old.id]
    remembered = looks.last(silenced.id)
    assert remembered.at <= datetime.now(UTC)
    assert looks.last(fresh.id) == Looked(world.logs.of(fresh.id).read(0, 1)[0].at)
    append_look(attacker, silenced.id, f"{began:%FT%TZ}")
    checking(silenced)[0].advance()
    assert looks.last(silenced.id) == remembered


def test_a_log_that_cannot_be_read_is_looked_at_at_once_and_keeps_no_other_back(checking, looks, made, attacker):
    first, broken, last = sorted((made() for _ in range(3)), key=lambda each: each.id)
    for each in (first, last):
        looks.put(each.id, Looked(ago(25)))
    attacker.execute("update everlog.events set recorded_at = 'infinity' where tenant_id = %s", [broken.id])
    worker, asked = checking(first, broken, last)
    worker.advance()
    attacker.execute("update everlog.events set recorded_at = now() where tenant_id = %s", [broken.id])
    assert set(asked) == {first.id, broken.id, last.id}


def test_a_look_that_fails_in_whatever_way_keeps_no_other_back(world, looks, made):
    broken, other = made(), made()
    looks.put(broken.id, Looked(ago(30)))
    looks.put(other.id, Looked(ago(25)))
    asked = []

    def look(tenant, _):
        asked.append(tenant)
        if tenant == broken.id:
            raise OverflowError

    worker = Checking(world, look, broken, other, hours=DAY, looks=looks)
    assert worker.advance()[1] == [("proofs.not-checked", str(broken.id), None, None)]
    assert (asked, worker.told("failed_tenants")) == ([broken.id, other.id], 1)


def test_what_nobody_looks_at_is_told_of_though_the_database_says_that_there_is_no_such_tenant(checking, looks, made):
    hidden, fresh = made(), made()
    looks.put(hidden.id, Looked(ago(50)))
    looks.put(fresh.id, Looked(ago(25)))
    worker, _ = checking(fresh)
    assert worker.advance()[1] == []
    assert 50 * 3600 <= worker.told("age_seconds") < 51 * 3600
    # It is named once the others have had their time, and by a worker too that no database tells what is its own.
    worker.checker._warned -= 2 * HOUR
    worker.checker._renew = away
    with capture_logs() as lines, pytest.raises(ConnectionError):
        worker.checker.advance(threading.Event())
    assert [(each["event"], each["tenant"]) for each in lines] == [("proofs.overdue", str(hidden.id))]


def away():
    raise ConnectionError


def test_one_whose_owner_had_closed_its_keys_is_tried_again_within_the_hour(checking, looks, made):
    closed, tried = made(), made()
    looks.put(closed.id, Looked(ago(2), sound=False, withheld=True))
    looks.put(tried.id, Looked(ago(0.5), sound=True, withheld=True))
    worker, asked = checking(closed, tried)
    worker.advance()
    assert (asked, worker.told("unsound_tenants")) == ([closed.id], 1)


def test_a_clock_that_went_back_makes_a_look_due(checking, looks, made):
    tenant = made()
    worker, asked = checking(tenant)
    worker.advance()
    looks.put(tenant.id, Looked(ago(-2)))
    worker.checker._due[tenant.id] = ago(-50)
    worker.advance()
    assert (asked, worker.told("age_seconds")) == ([tenant.id], 0)
    again, asked = checking(tenant)
    again.advance()
    assert asked == [tenant.id]

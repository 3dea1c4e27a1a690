"""A worker looks at whole records by itself: what the superuser edits raises an alarm, what nobody touched does not."""

import threading
from datetime import timedelta

import psycopg
import pytest

from adapters.proofs.sealer import Sealer
from api import check
from api.checking import Look
from tenants.context import SYSTEM
from tests.api.looks import Checking, worker
from tests.api.test_proofs import get, person
from tests.waiting import until


@pytest.fixture
def settings(world, migrated, tmp_path):
    return worker(world, migrated, tmp_path)


@pytest.fixture
def sealed(world):
    def made():
        tenant = world.tenant()
        person(world, tenant)
        sealer = Sealer(tenant.id, world.keeper, world.signer)
        while sealer.seal():
            pass
        return tenant

    return made


def test_what_the_superuser_edits_raises_an_alarm_and_what_nobody_touched_does_not(world, settings, migrated, sealed):
    clean, edited = sealed(), sealed()
    with psycopg.connect(migrated.addresses.superuser) as attacker:
        attacker.execute(
            "update everlog.events set body = body || ' ' where tenant_id = %s and position = 2", [edited.id]
        )
    checking = Checking(world, Look(settings), clean, edited)
    looked, alarms = checking.advance()
    assert looked == 2
    assert ("proofs.not-sound", str(edited.id), "altered", 2) in alarms
    assert not [each for each in alarms if each[1] == str(clean.id)]
    assert (checking.told("unsound_tenants"), checking.told("seconds_count")) == (1, 2)
    for tenant, sound in ((clean, True), (edited, False)):
        told = get(world, tenant, "check").json()
        found = told["found"]
        assert (found["sound"], found["folded"], found["sealed"] > 0, found["generation"]) == (sound, True, True, 1)
        assert (found["faults"] == []) == sound
        [recorded] = world.logs.of(tenant.id).read(told["position"] - 1, 1)
        assert (recorded.type, f"{recorded.meta.actor}") == ("proofs.checked", f"system:{SYSTEM}")
        assert recorded.meta.permission == "proofs.check"
    # A worker that begins now knows of it before it looks.
    later = Checking(world, Look(settings), clean, edited, hours=1)
    assert later.advance() == (0, [])
    assert (later.told("unsound_tenants"), later.told("seconds_count")) == (1, 0)
    later.held = {clean.id}
    later.advance()
    assert later.told("unsound_tenants") == 0


def test_metadata_that_are_none_are_named_and_keep_nobody_from_the_fact(world, settings, migrated, sealed):
    edited = sealed()
    sql = """update everlog.events set meta = convert_to(format('{"event":"%%s"}', event_id), 'UTF8')
        where tenant_id = %s and position = 2"""
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as superuser:
        superuser.execute(sql, [edited.id])
    _, alarms = Checking(world, Look(settings), edited).advance()
    assert ("proofs.not-sound", str(edited.id), "unreadable", 2) in alarms


def test_where_there_is_nothing_to_measure_by_that_is_told_and_what_was_found_before_stands(world, settings, sealed):
    tenant = sealed()
    key = world.secrets["keys"] / "proofs" / f"{tenant.id}.key"
    kept = key.read_bytes()
    key.unlink()
    checking = Checking(world, Look(settings), tenant)
    assert checking.advance() == (0, [("proofs.not-checked", str(tenant.id), None, None)])
    assert (checking.told("failed_tenants"), checking.told("unsound_tenants")) == (1, 0)
    assert get(world, tenant, "check").json()["code"] == "proofs.unchecked"
    assert get(world, tenant, "check", role="Member").status_code == 403
    key.write_bytes(kept)
    until(lambda: checking.advance()[0] == 1)
    assert checking.told("failed_tenants") == 0


def test_what_is_too_much_to_hold_in_memory_is_compared_by_its_digests(world, settings, migrated, sealed, monkeypatch):
    monkeypatch.setattr(check, "MOST", 1)
    tenant = sealed()
    found = check.look(settings, tenant.id)
    assert (found.sound, found.folded, len(found.views) > 0) == (True, False, True)
    with psycopg.connect(migrated.addresses.superuser) as attacker:
        attacker.execute("update everlog.view_prospects_2 set industry = 'x' where tenant_id = %s", [tenant.id])
    assert [(each.kind, each.view) for each in check.look(settings, tenant.id).faults] == [("digest", "prospects")]


def test_each_is_looked_at_in_its_time_and_a_worker_that_ends_does_not_wait(world, settings, sealed):
    tenant, asked = sealed(), []

    def look(tenant, meanwhile):
        asked.append(tenant)
        assert meanwhile()

    began = world.logs.of(tenant.id).read(0, 1)[0].at
    checking = Checking(world, look, tenant, hours=1)
    assert checking.advance() == (0, [])
    assert checking.checker._due == {tenant.id: began + timedelta(hours=1)}
    checking.checker._due[tenant.id] = began
    assert (checking.advance(), asked) == ((0, []), [tenant.id])
    stop = threading.Event()
    stop.set()
    assert (checking.checker.advance(stop), asked) == (0, [tenant.id])
    assert Look(settings, pause=0.01)(tenant.id, lambda: False) is None

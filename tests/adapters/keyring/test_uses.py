"""Which process had an organisation's keys opened stands in its trail, once, whatever is cut short."""

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from adapters.keyring import Keys
from adapters.keyring.uses import EVERY, Untold, Uses
from adapters.kms import FileKMS
from adapters.log import Logs
from application.keys import Keeping
from domain.keys import Used
from tenants.keys import Denied, Left
from tests.deciders import DECIDERS


class Soon(Untold):
    """Tells of what began just now."""

    def claim(self, age):
        return super().claim(0.0)


class Refusing(FileKMS):
    def unwrap(self, name, wrapped, ad):
        raise Denied("not today")


@pytest.fixture
def logs(committer, worker, folder, tenant):
    with Logs(worker, committer, FileKMS(folder), DECIDERS) as logs:
        logs.provision(tenant)
        yield logs


@pytest.fixture
def keeping(logs, worker, tenant):
    return Keeping(tenant, logs.of(tenant), logs.rings.custody(tenant), Soon(tenant, worker), lambda: float("inf"))


def keys_of(tenant, worker, folder, uses, kms=FileKMS):
    return Keys(tenant, worker, kms(folder), uses=uses)


def told(keeping, logs, tenant):
    """What the trail has been told of by now."""
    keeping._tell()
    facts = [each.fact for each in logs.of(tenant).read(0)]
    return [use for fact in facts if isinstance(fact, Used) for use in fact.uses]


def test_each_process_that_had_keys_opened_is_told_of(keeping, logs, worker, folder, tenant):
    api, other = Uses(worker, "api"), Uses(worker, "worker")
    for each in (api, other):
        keys_of(tenant, worker, folder, each).grant()
    found = told(keeping, logs, tenant)
    assert {(use.program, use.process) for use in found} == {("api", api.process), ("worker", other.process)}
    assert {(use.opened, use.refused, use.own) for use in found} == {(3, 0, False)}
    assert told(keeping, logs, tenant) == found


def test_a_process_without_a_name_or_without_an_answer_is_not_told_of(keeping, logs, worker, folder, tenant):
    keys_of(tenant, worker, folder, None).grant()
    assert keys_of(tenant, worker, folder, Uses(worker, "api")).at_hand is False
    assert told(keeping, logs, tenant) == []


def test_it_is_written_down_before_a_key_is_used(worker, folder, tenant, logs):
    def query(of, sql, params=()):
        if "key_uses" in sql:
            assert not keys.at_hand
            written.append(sql)
        return worker.query(of, sql, params)

    written: list[str] = []
    watched: Any = SimpleNamespace(query=query)
    keys = Keys(tenant, watched, FileKMS(folder), uses=Uses(watched, "api"))
    keys.grant()
    assert len(written) == 1
    assert keys.at_hand


def test_a_refusal_is_told_of(keeping, logs, worker, folder, tenant):
    with pytest.raises(Denied):
        keys_of(tenant, worker, folder, Uses(worker, "api"), Refusing).grant()
    [use] = told(keeping, logs, tenant)
    assert (use.opened, use.refused) == (0, 1)


def test_nothing_is_written_down_of_who_was_forgotten(keeping, logs, worker, folder, tenant):
    class Forgotten(FileKMS):
        def unwrap(self, name, wrapped, ad):
            raise Left("gone")

    with pytest.raises(Left):
        keys_of(tenant, worker, folder, Uses(worker, "api"), Forgotten).grant()
    assert told(keeping, logs, tenant) == []


def test_what_is_asked_again_and_again_is_counted(keeping, logs, worker, tenant):
    now = [0.0]
    uses = Uses(worker, "api", lambda: now[0])
    for _ in range(100):
        uses.note(tenant, own=True, opened=3)
    assert [use.opened for use in told(keeping, logs, tenant)] == [3]
    now[0] = EVERY
    uses.note(tenant, own=True, opened=3)
    assert [use.opened for use in told(keeping, logs, tenant)] == [3, 300]


def test_what_was_written_down_before_the_clock_went_back_is_told_of_now(worker, migrated, tenant):
    now = [0.0]
    uses = Uses(worker, "api", lambda: now[0])
    uses.note(tenant, own=True, opened=3)
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as connection:
        ahead = "update everlog.key_uses set since = since + interval '1 day' where tenant_id = %s"
        assert connection.execute(ahead, [tenant]).rowcount == 1
    now[0] = EVERY
    uses.note(tenant, own=True, opened=4)
    claimed = Untold(tenant, worker).claim(EVERY)
    assert claimed
    [use] = claimed[1]
    assert (use.opened, use.since <= use.until) == (7, True)


def test_what_is_used_while_it_is_told_of_is_told_of_later(keeping, logs, worker, tenant):
    now = [0.0]
    uses, untold = Uses(worker, "api", lambda: now[0]), Soon(tenant, worker)
    uses.note(tenant, own=False, opened=3)
    batch, claimed = untold.claim(0)
    now[0] = EVERY
    uses.note(tenant, own=False, opened=5)
    untold.settle(batch)
    assert [use.opened for use in claimed] == [3]
    assert [use.opened for use in told(keeping, logs, tenant)] == [5]


def test_cut_short_it_is_told_of_once(keeping, logs, worker, tenant):
    Uses(worker, "api").note(tenant, own=False, opened=3)
    untold = keeping._untold
    settle, untold.settle = untold.settle, lambda _: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        keeping._tell()
    untold.settle = settle
    assert [use.opened for use in told(keeping, logs, tenant)] == [3]
    assert untold.claim(0) is None


def test_what_began_just_now_waits_for_its_hour(worker, tenant):
    Uses(worker, "api").note(tenant, own=False, opened=3)
    assert Untold(tenant, worker).claim(3600) is None
    assert Untold(tenant, worker).claim(0)


def test_a_disk_that_is_full_keeps_nobody_from_reading_and_loses_no_count(keeping, logs, worker, tenant, caplog):
    full = [True]

    def query(of, sql, params=()):
        if full[0]:
            raise psycopg.errors.DiskFull("no space")
        return worker.query(of, sql, params)

    filling: Any = SimpleNamespace(query=query)
    uses = Uses(filling, "api")
    uses.note(tenant, own=False, opened=3)
    assert caplog.messages == ["The use of keys could not be written down: DiskFull"]
    full[0] = False
    uses.note(tenant, own=False, opened=4)
    assert [use.opened for use in told(keeping, logs, tenant)] == [7]


def test_another_organisation_sees_nothing_of_it(worker, tenant):
    Uses(worker, "api").note(tenant, own=False, opened=3)
    assert Untold(uuid4(), worker).claim(0) is None

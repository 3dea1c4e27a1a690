"""Logs are sealed as they grow, and a database that was rolled back, cut or forked is not signed for."""

import time
from datetime import UTC, datetime

import pytest

from adapters.proofs.grove import Gap, Grove
from adapters.proofs.sealer import Sealer
from adapters.proofs.signer import Refusing
from projections.proofs import note, tree


@pytest.fixture
def told():
    return {}


@pytest.fixture
def sealer(tenant, keeper, signer, told):
    return Sealer(tenant, keeper, signer, told.__setitem__)


def last(database, tenant):
    return Grove(tenant, lambda sql, params: database.query(tenant, sql, params)).sealed


def test_a_log_is_sealed_as_it_grows_and_each_checkpoint_continues_the_last(sealer, grow, signer, keeper, tenant):
    grow(3)
    assert sealer.step(1) == 0
    first = last(keeper, tenant)
    grow(300)
    assert sealer.step(1) == 0
    size, text = last(keeper, tenant)
    with signer.hold(tenant) as held:
        assert held.last == text
    grove = Grove(tenant, lambda sql, params: keeper.query(tenant, sql, params))
    assert (first[0], size) == (3, 303)
    assert note.parse(text) == (303, tree.root(tree.tiled(grove.tile), 303))
    assert note.parse(first[1])[1] == tree.root(tree.tiled(grove.tile), 3)
    assert sealer.step(1) == 0


def test_a_cut_tail_is_refused_with_its_place(sealer, grow, owner, tenant, told):
    grow(5)
    sealer.step(1)
    owner.execute("delete from everlog.events where tenant_id = %s and position > 3", [tenant])
    owner.execute("alter table everlog.heads disable trigger guard")
    try:
        owner.execute("update everlog.heads set position = 3 where tenant_id = %s", [tenant])
    finally:
        owner.execute("alter table everlog.heads enable trigger guard")
    with pytest.raises(Refusing, match="what was at 4 and after it is missing"):
        sealer.seal()
    sealer.step(1)
    assert "ends at position 3" in told[tenant]


def test_a_fork_is_refused(sealer, grow, owner, keeper, tenant):
    grow(5)
    sealer.step(1)
    owner.execute("delete from everlog.seals where tenant_id = %s", [tenant])
    owner.execute("delete from everlog.tiles where tenant_id = %s", [tenant])
    owner.execute("update everlog.events set body = 'other' where tenant_id = %s and position = 2", [tenant])
    grow(1)
    with pytest.raises(Refusing, match="do not add up"):
        sealer.seal()
    # The control: with what stood there before it goes on.
    owner.execute("update everlog.events set body = 'body' where tenant_id = %s and position = 2", [tenant])
    assert (sealer.seal(), sealer.seal()) == (5, 1)


def test_a_missing_event_is_named(sealer, grow, owner, tenant):
    grow(4)
    owner.execute("delete from everlog.events where tenant_id = %s and position = 3", [tenant])
    with pytest.raises(Gap, match="position 3"):
        sealer.seal()


def test_what_was_signed_before_a_crash_is_published_and_not_signed_again(sealer, grow, owner, signer, keeper, tenant):
    grow(4)
    sealer.step(1)
    before = last(keeper, tenant)
    owner.execute("delete from everlog.seals where tenant_id = %s", [tenant])
    owner.execute("delete from everlog.tiles where tenant_id = %s", [tenant])
    assert sealer.seal() == 4
    assert last(keeper, tenant) == before


def test_a_generation_that_the_ledger_never_began_is_refused(sealer, grow, owner, tenant):
    grow(2)
    owner.execute("update everlog.heads set generation = 2 where tenant_id = %s", [tenant])
    with pytest.raises(Refusing, match="knows of none after 1"):
        sealer.seal()


def test_how_long_each_event_waited_for_its_seal_is_told_and_earlier_generations_wait_for_nothing(
    grow, signer, keeper, owner, tenant
):
    told: list[float] = []
    sealer = Sealer(tenant, keeper, signer, sealed=told.extend)
    grow(3)
    time.sleep(0.3)
    grow(2)
    sealer.step(1)
    assert len(told) == 5
    assert min(told[:3]) > 0.3
    assert 0 < max(told[3:]) < min(told[:3])
    sealer.step(1)
    assert len(told) == 5
    owner.execute("update everlog.events set generation = 0 where tenant_id = %s and position < 3", [tenant])
    owner.execute("delete from everlog.seals where tenant_id = %s", [tenant])
    owner.execute("delete from everlog.tiles where tenant_id = %s", [tenant])
    signer.set_aside(datetime.now(UTC))
    sealer.step(1)
    assert len(told) == 8

"""A log that came from another installation is sealed here, under a key of its own, as what it was there."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from adapters.ledger import Came, Ledger
from adapters.proofs.anew import Anew
from adapters.proofs.sealer import Sealer
from adapters.proofs.signer import Refusing, Signer
from projections.proofs.found import Findings

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "here")


@pytest.fixture
def here(ledger):
    """The signer of an installation in which no generation was ever begun."""
    return Signer(ledger.folder, lambda: ledger.generation, ledger.came)


@pytest.fixture
def there(tmp_path):
    return Signer(tmp_path / "there", lambda: 2)


@pytest.fixture
def came(tenant, keeper, owner, grow, there):
    """Five events in a later generation, as the ledger is told of them when they come, and three more."""
    owner.execute("update everlog.heads set generation = 2 where tenant_id = %s", [tenant])
    grow(5)
    assert Sealer(tenant, keeper, there).seal() == 5
    with there.hold(tenant) as held:
        note = held.last
    for table in ("seals", "tiles"):
        owner.execute(f"delete from everlog.{table} where tenant_id = %s", [tenant])
    grow(3)
    return Came(tenant, 2, AT, note, there.key(tenant))


def lines(signer, tenant):
    with signer.hold(tenant) as held:
        return held.last.split("\n")[:3]


def test_a_later_generation_is_sealed_where_it_is_known_to_have_come(came, tenant, keeper, here, ledger):
    sealer = Sealer(tenant, keeper, here)
    with pytest.raises(Refusing, match="stands in generation 2"):
        sealer.seal()
    ledger.add([replace(came, note="", key="")])
    assert sealer.seal() == 8


def test_its_first_checkpoint_here_says_what_its_last_one_there_said(came, tenant, keeper, here, there, ledger):
    ledger.add([came])
    sealer = Sealer(tenant, keeper, here)
    assert sealer.seal() == 5
    assert lines(here, tenant) == lines(there, tenant)
    assert lines(here, tenant)[:2] == [f"everlog/{tenant}/2", "5"]
    assert here.key(tenant) != there.key(tenant)
    assert (sealer.seal(), sealer.seal()) == (3, 0)
    findings = Findings()
    assert Anew(tenant, keeper, here, findings).look().sealed == 8
    assert findings.kept == []


def test_what_was_changed_on_the_way_is_not_signed(came, tenant, keeper, owner, here, ledger):
    ledger.add([came])
    sealer, change = Sealer(tenant, keeper, here), "update everlog.events set body = %s where tenant_id = %s"
    owner.execute(f"{change} and position = 2", ["other", tenant])
    with pytest.raises(Refusing, match="first 5 events are not those that were signed"):
        sealer.seal()
    # The control: as it was it is.
    owner.execute(f"{change} and position = 2", ["body", tenant])
    assert sealer.seal() == 5


def test_what_was_signed_before_it_was_known_is_found_by_the_look(came, tenant, keeper, here, ledger):
    ledger.add([replace(came, note="", key="")])
    assert Sealer(tenant, keeper, here).seal() == 8
    broken = came.note.replace(came.note.split("\n")[2], came.note.split("\n")[2][::-1])
    ledger.add([replace(came, note=broken)])
    with pytest.raises(Refusing, match="damaged, or signed by another key"):
        Anew(tenant, keeper, here, Findings()).look()


def test_a_look_finds_that_it_is_not_what_came(came, tenant, keeper, owner, here, ledger):
    ledger.add([replace(came, note="", key="")])
    owner.execute("update everlog.events set body = 'other' where tenant_id = %s and position = 2", [tenant])
    assert Sealer(tenant, keeper, here).seal() == 8
    ledger.add([came])
    findings = Findings()
    Anew(tenant, keeper, here, findings).look()
    assert [(each.kind, each.position, each.until) for each in findings.kept] == [("came", 1, 5)]


def test_the_worker_goes_on_behind_the_checkpoint_that_it_came_with(came, tenant, keeper, here, ledger):
    ledger.add([came])
    sealer = Sealer(tenant, keeper, here)
    assert sealer.step(0) == 3
    assert sealer.step(1) == 0
    assert lines(here, tenant)[1] == "8"

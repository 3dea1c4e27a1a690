"""Persons are erased: not what an organisation works with, nor who still acts."""

from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from adapters.erasures import Erasures
from adapters.ledger import Ledger
from api.shell import OPERATOR
from application.api_keys import Revoke, mint
from application.kernel import Caller
from application.pipeline import Asked, Rejected
from application.privacy import Request
from domain.kernel import Circumstances
from tenants.context import SYSTEM
from tests.api.erasures import BASIS, approved, erasing, finished
from tests.waiting import until

ADA = {"name": "Ada Lovelace", "email": "ada@example.org"}
SIEM = {"name": "SIEM", "kind": "http", "address": "https://siem.example/in", "secret": "a-token"}


@pytest.fixture
def house(world):
    tenant = world.tenant()
    world.key(tenant, "Admin", "Second")
    return tenant


def code(answer):
    return answer.status_code, answer.json().get("code")


def refused(world, house, id):
    """What asking comes to, and what approving does where somebody could ask."""
    path = f"/v1/privacy/erasures/{id}"
    first = code(world.ask("POST", path, house.keys["Admin"], json=BASIS))
    asked = Request(basis="objection")
    with suppress(Rejected):
        world.do(house.id, asked, UUID(f"{id}"))
    second = code(world.ask("POST", f"{path}/approval", house.keys["Second"], json={}))
    standing = world.ask("GET", f"/v1/privacy/subjects/{id}/standing", house.keys["Admin"]).json()
    return first, second, standing["erasable"]


def operate(world, house):
    """An operator issues a key, and tells from where."""
    minted = mint(house.id, "another", "Viewer")
    caller = Caller(tenant=house.id, actor=OPERATOR)
    caller = replace(caller, circumstances=Circumstances(reason="at a terminal"))
    return world.run(world.pipeline.run(caller, Asked(minted.issue, minted.id)))


def test_neither_the_operator_nor_the_organisation_nor_a_destination_is_erased(world, house, tmp_path):
    added = world.ask("POST", "/v1/deliveries", house.keys["Admin"], json=SIEM)
    assert added.is_success, added.text
    destination = added.json()["id"]
    no = (409, "privacy.no-person")
    for id in (SYSTEM, house.id, destination):
        assert refused(world, house, id) == (no, no, False)
    person = uuid4()
    path = f"/v1/privacy/erasures/{person}"
    assert world.ask("POST", path, house.keys["Admin"], json=BASIS).is_success, "the control"
    work = erasing(world, house.id, tmp_path)
    approved(world, house, person)
    assert until(lambda: finished(world, house.id, work, person))
    assert operate(world, house).facts == ("api_keys.issued",)
    hold = f"/v1/privacy/holds/{house.id}"
    assert world.ask("POST", hold, house.keys["Admin"], json={"matter": "suit"}).is_success
    assert world.ask("POST", f"{hold}/placement", house.keys["Second"], json={"matter": "suit"}).is_success


def test_who_is_erased_and_has_a_key_that_stands_is_refused_in_words_and_in_the_trail(world, house, tmp_path):
    key, id = world.key(house, "Manager", "Third"), house.ids["Third"]
    # As an earlier release did, which asked for no revocation.
    Erasures(world.keeper, Ledger(tmp_path), world).erase(house.id, [id])
    one = world.ask("POST", "/v1/prospects", key, json=ADA)
    assert code(one) == (410, "subject.erased")
    commands = [{"command": "prospects.capture", **ADA}] * 2
    bulk = world.ask("POST", "/v1/commands", key, json={"commands": commands})
    assert [each["problem"]["code"] for each in bulk.json()["results"]] == ["subject.erased"] * 2
    denied = world.ask("POST", f"/v1/privacy/holds/{house.id}", key, json={"matter": "suit"})
    assert code(denied) == (403, "access.denied")
    signed, *told = [each for each in world.logs.of(house.id).read(0) if each.meta.actor.id == id]
    assert (signed.type, signed.meta.circumstances) == ("audit.signed-in", None)
    assert [each.fact.code for each in told] == ["subject.erased"] * 3 + ["access.denied"]
    assert [each.meta.circumstances for each in told] == [None] * 4
    assert one.headers["Everlog-Position"] == f"1:{told[0].position}"


def test_an_api_key_is_revoked_before_its_holder_is_erased(world, house, tmp_path):
    id = house.ids["Viewer"]
    stands = (409, "privacy.key-stands")
    assert refused(world, house, id) == (stands, stands, False)
    answer = world.ask("POST", f"/v1/privacy/erasures/{id}", house.keys["Admin"], json=BASIS)
    assert "everlog api-keys revoke" in answer.json()["detail"]
    world.do(house.id, Revoke(), id)
    path = f"/v1/privacy/erasures/{id}/approval"
    assert world.ask("POST", path, house.keys["Second"], json={}).is_success
    work = erasing(world, house.id, tmp_path)
    assert until(lambda: finished(world, house.id, work, id))

"""The trail is delivered outside: each record at least once, in order, provable, and as it was asked for."""

import subprocess
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from uuid import UUID

import pytest

from projections.proofs import tree
from tests.api.deliveries.house import REASON, TOKEN, to, whole
from tests.waiting import until

VERIFIER = Path(__file__).parents[3] / "clients" / "verifier" / "everlog_verify.py"


def test_each_record_is_delivered_once_in_order_and_what_is_recorded_later_too(house, collector):
    id = house.add("http", to(collector))
    house.work()
    head = house.deliver()
    assert collector.positions == list(range(1, head + 1))
    house.work()
    after = house.deliver()
    assert collector.positions == list(range(1, after + 1))
    assert {each.headers["authorization"] for each in collector.got} == {f"Bearer {TOKEN}"}
    served = house.state(id)["served"]
    assert (served["position"], served["tries"], served["why"]) == (after, 0, "")


def test_a_delivered_record_is_proven_by_the_verifier(house, collector, tmp_path):
    house.add("http", to(collector))
    house.work()
    house.deliver()
    [record] = [each for each in collector.records if each["metadata"]["event_code"] == "prospects.captured"]
    anchor = record["unmapped"]
    asked = {"position": anchor["position"], "size": anchor["checkpoint_size"]}
    proof = house.world.ask("GET", "/v1/proofs/inclusion", house.tenant.keys["Auditor"], params=asked)
    told = proof.json()
    assert (told["origin"], told["size"]) == (anchor["origin"], anchor["checkpoint_size"])
    assert tree.leaf(b64decode(told["entry"])).hex() == anchor["leaf"]
    assert verified(tmp_path, proof.content) == 0
    # The control: a record of another leaf has no such proof.
    entry = bytearray(b64decode(told["entry"]))
    entry[-1] ^= 1
    assert tree.leaf(bytes(entry)).hex() != anchor["leaf"]
    forged = proof.content.replace(told["entry"].encode(), b64encode(bytes(entry)))
    assert verified(tmp_path, forged) == 1


def verified(folder, raw):
    file = folder / "proof"
    file.write_bytes(raw)
    done = subprocess.run([sys.executable, "-I", str(VERIFIER), str(file)], capture_output=True, check=False)
    return done.returncode


def test_nothing_leaves_before_it_is_sealed(house, collector):
    house.add("http", to(collector))
    head = house.world.logs.of(house.tenant.id).head()[1]
    until(lambda: house.courier._stand.known()[0] >= head)
    assert house.courier.step(60) == 0
    assert collector.got == []
    assert whole(house, collector)


def test_it_is_paused_resumed_replayed_and_removed(house, collector):
    id = house.add("http", to(collector))
    head = house.deliver()
    house.do(id, "pause")
    house.work()
    house.deliver()
    assert max(collector.positions) == head
    house.do(id, "resumption")
    head = house.deliver()
    assert collector.positions == list(range(1, head + 1))
    house.do(id, "replay", after=3)
    until(lambda: house.state(id)["served"]["position"] == 3)
    later = house.deliver()
    assert collector.positions == [*range(1, head + 1), *range(4, later + 1)]
    house.do(id, "removal")
    house.work()
    house.deliver()
    assert collector.positions[-1] == later
    assert house.ask("GET", f"/{id}").status_code == 404


@pytest.mark.parametrize("began", ["again", "meanwhile"])
def test_the_secret_of_one_that_was_removed_opens_for_nobody(house, collector, began):
    """Whether the courier runs meanwhile or begins after it; a paused one keeps its own."""
    paused, removed = house.add("http", to(collector)), house.add("http", to(collector))
    house.deliver()
    log, opened = house.world.logs.of(house.tenant.id), house.world.edge.deliveries.opened
    box = {id: next(log.stream(f"deliveries/{id}")).fact.secret for id in (paused, removed)}
    assert {opened(house.tenant.id, UUID(id), box[id]) for id in box} == {TOKEN}, "the control"
    house.do(paused, "pause")
    house.do(removed, "removal")
    if began == "again":
        house.again()
    house.deliver()
    house.world.forget(house.tenant.id, map(UUID, box))
    assert opened(house.tenant.id, UUID(paused), box[paused]) == TOKEN
    with pytest.raises(LookupError):
        opened(house.tenant.id, UUID(removed), box[removed])


def test_circumstances_leave_where_that_was_asked_for_alone(house, collector):
    house.work()
    house.add("http", to(collector))
    house.deliver()
    assert REASON not in {each["unmapped"].get("reason") for each in collector.records}
    house.add("http", to(collector), circumstances=True)
    house.deliver()
    assert REASON in {each["unmapped"].get("reason") for each in collector.records}
    narrow = house.world.key(house.tenant, "Admin", "narrow", scopes=("deliveries.manage",))
    body = {"name": "S", "kind": "http", "address": to(collector), "secret": "", "circumstances": True}
    assert house.world.ask("POST", "/v1/deliveries", narrow, json=body).status_code == 403


def test_a_secret_is_shown_and_kept_nowhere_in_the_clear(house, collector, caplog):
    id = house.add("http", to(collector))
    collector.status = 403
    house.deliver()
    shown = [house.ask("GET", "").text, house.ask("GET", f"/{id}").text]
    chain = house.world.ask("GET", f"/v1/audit?resource={id}", house.tenant.keys["Admin"]).json()["items"]
    key = house.tenant.keys["Admin"]
    shown += [house.world.ask("GET", f"/v1/audit/{each['position']}", key).text for each in chain]
    stored = house.world.keeper.query(
        house.tenant.id, "select body from everlog.events where tenant_id = %s", [house.tenant.id]
    )
    everything = [*shown, *map(str, stored), caplog.text, str(vars(house.courier))]
    assert "SIEM" in "".join(shown)
    assert not [each for each in everything if TOKEN in each]


def test_another_organisation_s_destination_is_unknown(house, collector, other):
    id = house.add("http", to(collector))
    for method, path in (("GET", ""), ("POST", "/pause"), ("POST", "/removal")):
        answer = house.world.ask(method, f"/v1/deliveries/{id}{path}", other.keys["Admin"], json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "deliveries.unknown")


def test_an_address_that_does_not_fit_is_refused(house):
    body = {"name": "S", "kind": "syslog", "address": "https://a.example", "secret": ""}
    answer = house.ask("POST", "", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "deliveries.address")
    assert house.ask("POST", "", "Manager", json=body).status_code == 403

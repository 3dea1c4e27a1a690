"""The trail is taken away over HTTP: whole, verifiable, and never unnoticed."""

import asyncio
import csv
import hashlib
import io
import json
import time
from base64 import b64decode
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest

from adapters.erasures import Erasures
from adapters.ledger import Ledger
from adapters.proofs.sealer import Sealer
from api.exports.taking import Taking
from api.shell.trail import Filters
from projections.audit import HIDDEN
from projections.audit.trail import Filter
from projections.exports import COLUMNS
from projections.proofs import tree


@pytest.fixture(scope="module")
def tenant(world):
    """One with more records than are read at once, sealed."""
    tenant = world.tenant()
    for number in range(30):
        person(world, tenant, f"{number}")
    sealer = Sealer(tenant.id, world.keeper, world.signer)
    while sealer.seal():
        pass
    return tenant


def person(world, tenant, industry):
    body = {"name": "Ada", "email": f"{uuid4()}@example.org", "industry": industry}
    headers = {"Everlog-Reason": "=1+1", "User-Agent": "tests"}
    made = world.ask("POST", "/v1/prospects", tenant.keys["Admin"], json=body, headers=headers)
    assert made.status_code == 201


def take(world, tenant, query="", role="Auditor"):
    return world.ask("GET", f"/v1/audit/export?{query}", tenant.keys[role])


def manifest(world, tenant, taken):
    return world.ask("GET", f"/v1/audit/exports/{taken.headers['Everlog-Export']}", tenant.keys["Auditor"]).json()


def records(taken):
    return [json.loads(line) for line in taken.text.splitlines()]


@pytest.fixture
def paged(monkeypatch):
    monkeypatch.setattr("api.exports.taking.PAGE", 7)


@pytest.mark.usefixtures("paged")
def test_every_event_leaves_once_and_in_order(world, tenant):
    head = world.logs.of(tenant.id).head()[1]
    taken = take(world, tenant)
    assert taken.status_code == 200, taken.text
    positions = [each["position"] for each in records(taken)]
    # Who takes it away for the first time has signed in before, and stands in it.
    assert positions == list(range(1, len(positions) + 1))
    assert head <= len(positions) <= head + 1


def test_each_record_is_proven_by_what_it_carries(world, tenant):
    taken = records(take(world, tenant, "type=prospects.captured&position_below=20"))
    assert taken
    for each in taken:
        asked = f"/v1/proofs/inclusion?position={each['position']}"
        proof = world.ask("GET", asked, tenant.keys["Auditor"]).json()
        assert proof["origin"] == each["origin"]
        assert tree.leaf(b64decode(proof["entry"])).hex() == each["leaf"]


@pytest.mark.parametrize("kind", ["csv", "ndjson", "ocsf"])
def test_the_manifest_tells_what_left(world, tenant, kind):
    taken = take(world, tenant, f"format={kind}&capability=prospects")
    told = manifest(world, tenant, taken)
    assert told["sha256"] == hashlib.sha256(taken.content).hexdigest()
    assert (told["size"], told["rows"], told["whole"], told["ended"]) == (len(taken.content), 30, True, True)
    assert told["filter"] == {"capability": "prospects"}
    assert told["made_by"] == f"key:{tenant.ids['Auditor']}"
    assert told["checkpoint"].startswith(f"everlog/{tenant.id}\n")
    assert told["origin"] == f"everlog/{tenant.id}"


@pytest.mark.parametrize("kind", ["csv", "ndjson", "ocsf"])
def test_what_was_recorded_leaves_but_for_what_is_about_a_person(world, tenant, kind):
    taken = take(world, tenant, f"format={kind}&type=prospects.captured", "Admin")
    if kind == "csv":
        facts = [json.loads(each["fact"]) for each in csv.DictReader(io.StringIO(taken.text, newline=""))]
    else:
        facts = [(each["unmapped"] if kind == "ocsf" else each)["fact"] for each in records(taken)]
    assert facts == [{"industry": f"{number}"} for number in range(30)]
    assert "Ada" not in taken.text
    assert "@example.org" not in taken.text


def test_a_spreadsheet_gets_no_formula(world, tenant):
    taken = take(world, tenant, "format=csv&capability=prospects")
    assert taken.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(taken.text, newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert {each["reason"] for each in rows} == {"'=1+1"}


def test_circumstances_leave_with_who_may_see_them_alone(world, tenant):
    narrow = world.key(tenant, "Admin", "narrow", scopes=("audit.export",))
    for kind in ("csv", "ndjson", "ocsf"):
        path = f"/v1/audit/export?format={kind}&capability=prospects"
        assert "=1+1" not in world.ask("GET", path, narrow).text
        assert "=1+1" in world.ask("GET", path, tenant.keys["Auditor"]).text


def test_an_export_stands_in_the_trail_itself(world, tenant):
    taken = take(world, tenant, "outcome=refused")
    after = records(take(world, tenant, f"resource={taken.headers['Everlog-Export']}"))
    assert [each["type"] for each in after] == ["exports.begun", "exports.ended"]
    begun, ended = after
    assert begun["actor"] == str(tenant.ids["Auditor"])
    assert ended["on_behalf_of"] == f"key:{tenant.ids['Auditor']}"


@pytest.mark.usefixtures("paged")
def test_what_breaks_off_is_noticed_and_recorded(world, tenant, monkeypatch):
    async def broken(self, page):
        if page[0].position > 1:
            raise OSError
        return await lines(self, page)

    lines = Taking._lines
    monkeypatch.setattr(Taking, "_lines", broken)
    taken, got, whole = received(world, tenant)
    told = manifest(world, tenant, taken)
    assert (told["rows"], told["whole"], told["ended"], whole) == (7, False, True, False)
    assert told["sha256"] == hashlib.sha256(got).hexdigest()


def received(world, tenant):
    """The answer, its bytes, and whether it came to its end."""
    got = b""
    key = {"Authorization": f"Bearer {tenant.keys['Auditor']}"}
    with world.client.stream("GET", f"{world.url}/v1/audit/export", headers=key) as taken:
        try:
            for part in taken.iter_bytes():
                got += part
        except httpx2.TransportError:
            return taken, got, False
    return taken, got, True


@pytest.mark.usefixtures("paged")
def test_who_hangs_up_has_taken_what_had_left(world, tenant, monkeypatch):
    async def slow(self, page):
        await asyncio.sleep(0.2)
        return await lines(self, page)

    lines = Taking._lines
    monkeypatch.setattr(Taking, "_lines", slow)
    head = world.logs.of(tenant.id).head()[1]
    with httpx2.Client(base_url=world.url, timeout=60) as client:
        key = {"Authorization": f"Bearer {tenant.keys['Auditor']}"}
        with client.stream("GET", "/v1/audit/export", headers=key) as taken:
            next(taken.iter_bytes())
    while not (told := manifest(world, tenant, taken))["ended"]:
        time.sleep(0.05)
    assert not told["whole"]
    assert 0 < told["rows"] < head


def test_without_the_permission_nothing_leaves(world, tenant):
    assert take(world, tenant, role="Manager").status_code == 403
    assert take(world, tenant, "ip=127.0.0.1").status_code == 422


@pytest.mark.parametrize("name", HIDDEN)
def test_nothing_personal_is_asked_for_in_an_address(world, tenant, name):
    refused = take(world, tenant, f"{name}=tests")
    assert (refused.status_code, "Everlog-Export" in refused.headers) == (422, False)


def test_words_are_recorded_sealed_and_told_to_who_may_see_circumstances(world, tenant):
    """A person's name may be among them. The control: what no name can be stands in the clear."""
    word = f"w{uuid4().hex}"
    taken = take(world, tenant, f"q={word}&type=orgs.joined")
    stored = bodies(world, tenant, taken)
    assert word not in stored
    assert "orgs.joined" in stored
    assert manifest(world, tenant, taken)["filter"] == {"q": word, "type": "orgs.joined"}
    narrow = world.key(tenant, "Admin", "exporter", scopes=("audit.export",))
    path = f"/v1/audit/exports/{taken.headers['Everlog-Export']}"
    told = world.ask("GET", path, narrow).json()
    assert (told["filter"], told["withheld"], told["erased"]) == ({"type": "orgs.joined"}, ["q"], [])


def test_what_is_about_a_person_is_asked_for_in_a_body_and_recorded_sealed(world, tenant):
    """The control: another reason finds nothing. `about` is recorded as used, and its words nowhere."""
    asked = {"type": "prospects.captured", "reason": "=1+1", "format": "ndjson"}
    taken = find(world, tenant, asked)
    assert len(records(taken)) == 30
    assert records(find(world, tenant, asked | {"reason": "another"})) == []
    assert "=1+1" not in bodies(world, tenant, taken)
    told = manifest(world, tenant, taken)
    assert (told["filter"], told["withheld"]) == ({"type": "prospects.captured", "reason": "=1+1"}, [])
    named = find(world, tenant, {"about": "ada", "type": "prospects.captured"}, tenant.keys["Admin"])
    assert len(records(named)) == 30
    told = manifest(world, tenant, named)
    assert (told["filter"], told["withheld"]) == ({"type": "prospects.captured"}, ["about"])


def test_the_command_line_has_every_filter_that_an_address_has():
    timed = {"since", "before"}
    every: Any = dict.fromkeys(Filters.__dataclass_fields__.keys() - timed, 1)
    assert Filters(**every).given().keys() | timed == {each for each in Filter.__struct_fields__ if each not in HIDDEN}


def test_it_is_asked_for_by_who_may_see_it(world, tenant):
    narrow = world.key(tenant, "Admin", "taker", scopes=("audit.export",))
    refused = find(world, tenant, {"ip": "127.0.0.1"}, narrow)
    assert (refused.status_code, refused.json()["details"]["permission"]) == (403, "audit.read-circumstances")
    seer = world.key(tenant, "Admin", "seer", scopes=("audit.export", "audit.read-circumstances"))
    assert find(world, tenant, {"ip": "127.0.0.2"}, seer).status_code == 200
    refused = find(world, tenant, {"about": "ada"}, seer)
    assert (refused.status_code, refused.json()["details"]["permission"]) == (403, "prospects.read-personal")
    assert find(world, tenant, {"limit": 5}).json()["code"] == "request.invalid"


def find(world, tenant, asked, key=""):
    return world.ask("POST", "/v1/audit/export/find", key or tenant.keys["Auditor"], json=asked)


def test_the_words_of_an_export_go_with_whoever_took_it(world, tmp_path):
    tenant = world.tenant()
    taken = take(world, tenant, "q=ada&type=orgs.joined")
    Erasures(world.keeper, Ledger(tmp_path), world).erase(tenant.id, [tenant.ids["Auditor"]])
    told = world.ask("GET", f"/v1/audit/exports/{taken.headers['Everlog-Export']}", tenant.keys["Admin"]).json()
    assert (told["filter"], told["withheld"], told["erased"]) == ({"type": "orgs.joined"}, [], ["q"])


def bodies(world, tenant, taken):
    """What is recorded of an export, as it lies in the table."""
    query = "select convert_from(body, 'UTF8') from everlog.events where stream = %s order by position"
    with world.database.transaction(tenant.id) as connection:
        found = connection.execute(query, [f"exports/{taken.headers['Everlog-Export']}"]).fetchall()
    return "".join(body for (body,) in found)


def test_another_organisation_s_manifest_is_unknown(world, tenant, other):
    taken = take(world, tenant, "outcome=refused")
    answer = world.ask("GET", f"/v1/audit/exports/{taken.headers['Everlog-Export']}", other.keys["Auditor"])
    assert answer.json()["code"] == "exports.unknown"


def test_a_record_whose_event_was_taken_out_of_the_log_is_taken_away_all_the_same(world, migrated):
    tenant = world.tenant()
    person(world, tenant, "engines")
    [before] = records(take(world, tenant, "type=prospects.captured"))
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as attacker:
        attacker.execute("set session_replication_role = replica")
        where = [tenant.id, before["position"]]
        attacker.execute("delete from everlog.events where tenant_id = %s and position = %s", where)
    [after] = records(take(world, tenant, "type=prospects.captured"))
    assert (before["fact"]["industry"], after) == ("engines", before | {"fact": {}, "subjects": []})

"""What a person has to be told beside their data (GDPR, article 15(1)), in every form of their export."""

import json
from uuid import uuid4

import pytest

from projections.predictions.definition import models
from projections.privacy.informed import LOGIC
from tests.api.test_privacy import Seen, capture, export, predict
from tests.waiting import until

CONTROLLER = "Acme Ltd, 1 High Street; privacy@acme.example"


@pytest.fixture
def tenant(world, monkeypatch):
    monkeypatch.setattr(world.edge, "controller", CONTROLLER)
    tenant = world.tenant()
    world.key(tenant, "Admin", "Second")
    return tenant


def ask(world, tenant, path, role="Admin", **body):
    done = world.ask("POST", path, tenant.keys[role], json=body)
    assert done.is_success, done.text
    return done.json()


def siem(world, tenant, name):
    address = f"https://{name}.example/in"
    return ask(world, tenant, "/v1/deliveries", name=name, kind="http", address=address, secret="s" * 20)["id"]


def told(world, tenant, id):
    return export(world, tenant.keys["Admin"], id).json()["information"]


def test_who_answers_for_it_and_what_for_are_told(world, tenant):
    id, _ = capture(world, tenant.keys["Admin"])
    known = told(world, tenant, id)
    assert (known["organisation"], known["controller"]) == ("Acme", CONTROLLER)
    [kept] = [each for each in known["purposes"] if each["capability"] == "prospects"]
    assert kept["purpose"] == "Finding and winning clients"
    assert {"name", "email", "industry"} <= set(kept["fields"])
    assert "predictions" not in {each["capability"] for each in known["purposes"]}, "there is none about them"
    assert any("supervisory authority" in each for each in known["rights"])
    assert any("corrected" in each for each in known["rights"])


def test_whoever_the_trail_went_to_is_told_and_nobody_who_had_left_before(world, tenant):
    gone = siem(world, tenant, "before")
    ask(world, tenant, f"/v1/deliveries/{gone}/removal")
    assert world.ask("GET", "/v1/audit/export", tenant.keys["Auditor"]).is_success
    id, _ = capture(world, tenant.keys["Admin"])
    assert told(world, tenant, id)["recipients"] == [], "the control: nothing was sent or taken yet"
    siem(world, tenant, "splunk")
    after = siem(world, tenant, "ended")
    ask(world, tenant, f"/v1/deliveries/{after}/removal")
    assert world.ask("GET", "/v1/audit/export", tenant.keys["Auditor"]).is_success
    found = {each["name"] or each["kind"]: each for each in told(world, tenant, id)["recipients"]}
    assert set(found) == {"splunk", "ended", "exports"}
    assert (found["splunk"]["address"], found["splunk"]["until"]) == ("https://splunk.example/in", None)
    assert found["ended"]["until"] is not None
    assert found["exports"]["times"] == 1


def test_where_more_left_than_is_told_the_export_says_that_it_is_not_whole(world, tenant, monkeypatch):
    id, _ = capture(world, tenant.keys["Admin"])
    for _ in range(7):
        assert world.ask("GET", "/v1/audit/export?code=none", tenant.keys["Auditor"]).is_success
    monkeypatch.setattr("projections.privacy.known.MOST", 7)
    assert export(world, tenant.keys["Admin"], id).json()["whole"], "the control"
    monkeypatch.setattr("projections.privacy.known.MOST", 6)
    assert not export(world, tenant.keys["Admin"], id).json()["whole"]


def test_where_it_came_from_is_told(world, tenant):
    id, _ = capture(world, tenant.keys["Admin"])
    ask(world, tenant, f"/v1/privacy/consents/{id}", purpose="newsletter", source="form-7")
    sources = {each["type"]: each for each in told(world, tenant, id)["sources"]}
    assert sources["privacy.consent-given"]["source"] == "form-7"
    assert "API key" in sources["prospects.captured"]["by"]


def test_how_long_it_is_kept_is_told_by_the_floor_and_by_what_is_held(world, tenant):
    id, _ = capture(world, tenant.keys["Admin"])
    assert (told(world, tenant, id)["retention"]["floor_days"], told(world, tenant, id)["retention"]["holds"]) == (
        0,
        [],
    )
    ask(world, tenant, "/v1/privacy/floor", days=30)
    ask(world, tenant, "/v1/privacy/floor/approval", "Second", days=30)
    ask(world, tenant, f"/v1/privacy/holds/{tenant.id}", matter="suit")
    ask(world, tenant, f"/v1/privacy/holds/{tenant.id}/placement", "Second", matter="suit")
    kept = told(world, tenant, id)["retention"]
    assert (kept["floor_days"], [each["matter"] for each in kept["holds"]]) == (30, ["suit"])
    assert kept["floor"] is not None
    assert "erased" in kept["rule"]


def test_what_decides_about_them_is_told_with_what_it_looks_at(world, tenant):
    id, _ = capture(world, tenant.keys["Admin"])
    predict(world, tenant, id)
    ask(world, tenant, f"/v1/privacy/consents/{id}/withdrawal", purpose="profiling")
    known = told(world, tenant, id)
    [model] = known["profiling"]
    assert (model["model"], model["predictions"], model["consent"]) == ("prospects.conversion", 1, "withdrawn")
    assert model["features"] == ["employees", "sponsor:24D"]
    assert model["logic"], model["consequences"]
    assert world.ask("GET", model["card"], tenant.keys["Admin"]).is_success
    [kept] = [each for each in known["purposes"] if each["capability"] == "predictions"]
    assert {"features", "reasons", "probability"} <= set(kept["fields"])
    assert LOGIC.keys() == models.keys(), "each model says how it comes to what it says"
    key = str(tenant.ids["Admin"])
    assert told(world, tenant, key)["profiling"] == [], "the control: who is no prospect is predicted nothing"


def test_who_acts_is_told_why_their_acts_are_kept(world, tenant):
    capture(world, tenant.keys["Admin"])
    key = str(tenant.ids["Admin"])
    known = until(lambda: (found := told(world, tenant, key))["purposes"] and found)
    [kept] = [each for each in known["purposes"] if each["capability"] == "audit"]
    assert {"ip", "session", "agent", "reason"} <= set(kept["fields"])


def test_every_form_tells_it_and_none_claims_to_be_everything(world, tenant):
    id, _ = capture(world, tenant.keys["Admin"])
    siem(world, tenant, "splunk")
    path = f"/v1/privacy/subjects/{id}/export"
    lines = world.ask("GET", f"{path}?format=ndjson", tenant.keys["Admin"]).text.splitlines()
    first, second = map(json.loads, lines[:2])
    assert (first["kind"], second["kind"], second["controller"]) == ("export", "information", CONTROLLER)
    html = world.ask("GET", f"{path}?format=html", tenant.keys["Admin"]).text
    page = Seen(html)
    for each in (CONTROLLER, "splunk.example", "supervisory authority", "Finding and winning clients", "Your rights"):
        assert each in page.text, each
    assert "Everything" not in page.text
    assert "nothing" in Seen(html.replace(CONTROLLER, "")).text


def test_of_nobody_there_is_no_information_either(world, tenant):
    assert export(world, tenant.keys["Admin"], uuid4()).status_code == 404

"""Records of processing say what article 30 asks for: who answers, what is kept of whom, and how long."""

import pytest

from tests.api.test_informed import ask
from tests.api.test_privacy import capture, predict
from tests.api.test_reports import section, told

CONTROLLER = "Acme Ltd, 1 High Street; privacy@acme.example. To the United States: standard contractual clauses."


@pytest.fixture
def tenant(world, monkeypatch):
    monkeypatch.setattr(world.edge, "controller", CONTROLLER)
    tenant = world.tenant()
    world.key(tenant, "Admin", "Second")
    return tenant


def found(world, tenant, title):
    return section(told(world, tenant, "processing"), title)


def test_it_names_who_answers_for_it_and_says_where_nobody_is_named(world, tenant, monkeypatch):
    who = {each["What"]: each["Who"] for each in found(world, tenant, "Who answers for it")}
    assert (who["Organisation"], who["Controller"]) == ("Acme", CONTROLLER)
    monkeypatch.setattr(world.edge, "controller", "")
    who = {each["What"]: each["Who"] for each in found(world, tenant, "Who answers for it")}
    assert "EVERLOG_CONTROLLER" in who["Controller"]


def test_it_tells_what_is_kept_of_who_acts_of_who_consents_and_of_who_is_profiled(world, tenant):
    id, _ = capture(world, tenant.keys["Admin"])
    predict(world, tenant, id)
    ask(world, tenant, f"/v1/privacy/consents/{id}", purpose="newsletter", source="form-7")
    kept = {each["Kind of fact"]: each for each in found(world, tenant, "What is kept about persons")}
    assert kept["every event"]["Personal fields"] == "ip, session, agent, reason"
    consent = kept["privacy.consent-given"]
    assert (consent["Recorded"], consent["Persons"], consent["Personal fields"]) == (1, 1, "")
    assert {"purpose", "source"} <= set(consent["In the clear"].split(", "))
    clear = set(kept["predictions.made"]["In the clear"].split(", "))
    assert {"probability", "likely", "candidates"} <= clear
    assert not {"reasons", "features"} & clear, "the control: those are encrypted"
    assert "privacy.floor-set" not in kept, "a floor is about nobody"


def test_how_long_it_is_kept_follows_the_floor_and_the_holds(world, tenant):
    before = found(world, tenant, "How long it is kept")
    assert [each["What"] for each in before] == ["Rule", "Floor"]
    ask(world, tenant, "/v1/privacy/floor", days=30)
    ask(world, tenant, "/v1/privacy/floor/approval", "Second", days=30)
    ask(world, tenant, f"/v1/privacy/holds/{tenant.id}", matter="suit")
    ask(world, tenant, f"/v1/privacy/holds/{tenant.id}/placement", "Second", matter="suit")
    ask(world, tenant, f"/v1/privacy/holds/{tenant.id}", matter="only proposed")
    after = {each["What"]: each["Until when"] for each in found(world, tenant, "How long it is kept")}
    assert set(after) == {"Rule", "Floor", "Hold: suit"}
    assert "30 days" in after["Floor"]
    assert "30 days" not in before[1]["Until when"]

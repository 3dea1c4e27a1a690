"""The trail over HTTP: what was done, what was refused, by whom, from where, and what it changed."""

from uuid import UUID, uuid4

import pytest

from domain.audit import Denial
from domain.kernel import Actor, Meta


@pytest.fixture
def ask(world, acme):
    def ask(method, path, role="Admin", **named):
        return world.ask(method, path, acme.keys[role], **named)

    return ask


@pytest.fixture
def captured(ask):
    person = {"name": "Ada", "email": f"{uuid4()}@example.org", "industry": "looms"}
    headers = {"Everlog-Reason": "met at a fair", "User-Agent": "tests"}
    return ask("POST", "/v1/prospects", "Member", json=person, headers=headers)


def after(done):
    return {"Everlog-Min-Position": done.headers["Everlog-Position"]}


def position(done):
    return int(done.headers["Everlog-Position"].partition(":")[2])


def test_what_was_done_is_found_by_resource_actor_kind_and_time(ask, acme, captured):
    id = captured.json()["id"]
    done = ask("POST", f"/v1/prospects/{id}/stage", "Manager", json={"stage": "met"})
    found = ask("GET", f"/v1/audit?resource={id}", "Auditor", headers=after(done)).json()["items"]
    assert [each["type"] for each in found] == ["prospects.stage-moved", "prospects.captured"]
    moved, first = found
    assert first["actor_kind"] == "key"
    assert first["actor"] == str(acme.ids["Member"])
    assert (first["permission"], first["rule"]) == ("prospects.capture", "p, role:Member, prospects.capture")
    assert first["outcome"] == "accepted"
    by = {
        f"actor={acme.ids['Manager']}&resource={id}": 1,
        f"type=prospects.captured&resource={id}": 1,
        f"capability=orgs&resource={id}": 0,
        f"since={moved['at'].replace('+', '%2B')}&resource={id}": 1,
        f"before={moved['at'].replace('+', '%2B')}&resource={id}": 1,
        f"outcome=refused&resource={id}": 0,
    }
    for query, count in by.items():
        assert len(ask("GET", f"/v1/audit?{query}", "Auditor").json()["items"]) == count, query


def test_what_was_refused_is_found_too(ask, acme, captured):
    id = captured.json()["id"]
    refused = ask("POST", f"/v1/prospects/{id}/win", "Viewer", json={"value": 1, "currency": "EUR"})
    assert refused.status_code == 403
    [entry] = ask("GET", f"/v1/audit?resource={id}&outcome=refused", "Auditor", headers=after(refused)).json()["items"]
    assert (entry["command"], entry["code"], entry["permission"]) == ("prospects.win", "access.denied", "prospects.win")
    assert entry["actor"] == str(acme.ids["Viewer"])
    assert entry["position"] == position(refused)


def test_an_event_tells_what_it_changed(ask, captured):
    id = captured.json()["id"]
    done = ask("POST", f"/v1/prospects/{id}/stage", json={"stage": "met"})
    event = ask("GET", f"/v1/audit/{position(done)}", "Auditor", headers=after(done)).json()
    assert event["fact"] == {"left": "new", "entered": "met"}
    assert event["changes"] == [{"field": "stage", "before": "new", "after": "met", "withheld": False}]


def test_persons_are_shown_in_it_to_who_may_see_them(ask, captured):
    path = f"/v1/audit/{position(captured)}"
    told = {role: ask("GET", path, role, headers=after(captured)).json() for role in ("Admin", "Auditor")}
    names = {
        role: [each for each in event["changes"] if each["field"] == "captured.name"] for role, event in told.items()
    }
    assert names["Admin"] == [{"field": "captured.name", "before": None, "after": "Ada", "withheld": False}]
    assert names["Auditor"] == [{"field": "captured.name", "before": None, "after": None, "withheld": True}]
    assert told["Admin"]["fact"]["name"] == "Ada"
    assert told["Auditor"]["fact"]["name"] is None
    assert told["Auditor"]["fact"]["industry"] == "looms"


def test_circumstances_are_shown_and_found_in_a_body(ask, captured):
    path = f"/v1/audit?resource={captured.json()['id']}"
    [entry] = ask("GET", path, "Auditor", headers=after(captured)).json()["items"]
    assert entry["circumstances"] == {"ip": "127.0.0.1", "session": "", "agent": "tests", "reason": "met at a fair"}
    found = ask("POST", "/v1/audit/find", "Auditor", json={"ip": "127.0.0.1", "limit": 1}).json()
    assert len(found["items"]) == 1
    assert ask("POST", "/v1/audit/find", "Auditor", json={"ip": "10.9.8.7"}).json()["items"] == []
    about = {"resource": captured.json()["id"]}
    for name, value in {"agent": "tests", "reason": "met at a fair"}.items():
        for told, count in ((value, 1), (value[:-1], 0)):
            found = ask("POST", "/v1/audit/find", "Auditor", json=about | {name: told}).json()["items"]
            assert len(found) == count, (name, told)


def test_circumstances_are_withheld_from_who_may_not_see_them(world, acme, ask, captured):
    key = world.key(acme, "Admin", "narrow", scopes=("audit.read",))
    path = f"/v1/audit?resource={captured.json()['id']}"
    [entry] = world.ask("GET", path, key, headers=after(captured)).json()["items"]
    assert (entry["circumstances"], entry["withheld"]) == (None, ["circumstances"])
    assert world.ask("POST", "/v1/audit/find", key, json={"ip": "127.0.0.1"}).status_code == 403


def test_a_wrong_secret_is_noted_where_the_key_belongs(world, acme, ask):
    agent = str(uuid4())
    key = acme.keys["Viewer"]
    wrong = key[:-8] + ("a" * 8 if not key.endswith("a" * 8) else "b" * 8)
    answer = world.ask("GET", "/v1/prospects", wrong, headers={"User-Agent": agent})
    assert answer.json()["code"] == "auth.invalid"
    head = world.logs.of(acme.id).head()
    headers = {"Everlog-Min-Position": f"{head[0]}:{head[1]}"}
    path = f"/v1/audit?outcome=refused&resource={acme.ids['Viewer']}"
    noted = ask("GET", path, "Auditor", headers=headers).json()["items"]
    assert [each["code"] for each in noted if each["circumstances"]["agent"] == agent] == ["auth.invalid"]


def test_a_key_of_no_tenant_is_noted_in_the_system_s(world):
    from application.api_keys import mint
    from tenants.context import SYSTEM

    before = world.logs.of(SYSTEM).head()[1]
    stranger = mint(uuid4(), "none", "Admin").text
    assert world.ask("GET", "/v1/prospects", stranger).json()["code"] == "auth.invalid"
    noted = world.logs.of(SYSTEM).read(before)
    assert [each.fact.code for each in noted] == ["auth.invalid"]


def test_what_an_event_led_to_is_found_and_leads_back(world, acme, ask, captured):
    path = f"/v1/audit/{position(captured)}"
    entry = ask("GET", path, "Auditor", headers=after(captured)).json()["entry"]
    meta = Meta(event=uuid4(), actor=Actor("model", uuid4()), permission="none", causation=UUID(entry["event"]))
    denial = Denial("none", "none", "none")
    appended = world.logs.of(acme.id).submit(f"audit/{meta.event}", 0, [denial], meta).result()
    headers = {"Everlog-Min-Position": str(appended.last)}
    effects = ask("GET", f"{path}/effects", "Auditor", headers=headers).json()
    assert appended.last in [each["position"] for each in effects["items"]]
    assert effects["whole"]
    causes = ask("GET", f"/v1/audit/{appended.last}/causes", "Auditor").json()
    assert [each["position"] for each in causes["items"]] == [entry["position"]]
    assert ask("GET", f"{path}/causes", "Auditor").json() == {"items": [], "whole": True}


def test_no_chain_hangs_on_what_is_not_there_or_not_shown(ask, captured):
    for path in (f"/v1/audit/{10**9}/causes", "/v1/audit/99999999999999999999999/effects"):
        assert ask("GET", path, "Auditor").json()["code"] == "audit.unknown"
    for name in ("causes", "effects"):
        assert ask("GET", f"/v1/audit/{position(captured)}/{name}", "Viewer").status_code == 403


def test_the_trail_is_found_by_every_attribute_of_an_entry(ask, captured):
    path = f"/v1/audit?resource={captured.json()['id']}"
    [entry] = ask("GET", path, "Auditor", headers=after(captured)).json()["items"]
    asked = {"event": entry["event"], "actor_kind": "key", "asked_permission": "prospects.capture"}
    asked |= {"rule": entry["rule"], "position_least": entry["position"], "position_below": entry["position"] + 1}
    asked["subject"] = entry["resource"]
    for name in ("trace", "correlation", "causation", "on_behalf_of"):
        if entry[name]:
            asked[name] = entry[name]
    for name, value in asked.items():
        found = ask("GET", "/v1/audit", "Auditor", params={"resource": entry["resource"], name: value}).json()
        assert [each["position"] for each in found["items"]] == [entry["position"]], name
    others = {"event": str(uuid4()), "actor_kind": "model", "asked_permission": "none", "rule": "none", "code": "none"}
    others |= {"command": "none", "trace": "none", "position_below": entry["position"], "causation": str(uuid4())}
    others |= {"subject": str(uuid4()), "model": "conversion", "model_version": "none"}
    for name, value in others.items():
        found = ask("GET", "/v1/audit", "Auditor", params={"resource": entry["resource"], name: value}).json()
        assert found["items"] == [], name


def test_facts_come_with_a_list_and_persons_in_them_for_who_may_see_them(ask, captured):
    path = f"/v1/audit?resource={captured.json()['id']}"
    told = {role: ask("GET", f"{path}&facts=true", role, headers=after(captured)).json() for role in ROLES}
    assert told["Admin"]["items"][-1]["fact"]["name"] == "Ada"
    fact = told["Auditor"]["items"][-1]["fact"]
    assert (fact["name"], fact["industry"]) == (None, "looms")
    assert "fact" not in ask("GET", path).json()["items"][0]
    assert ask("GET", f"/v1/audit?resource={uuid4()}&facts=true").json()["items"] == []


ROLES = ("Admin", "Auditor")

"""Members over HTTP: added, listed, given another role, removed; and what that means for the keys that are theirs."""

from uuid import uuid4

import pytest

from adapters.casbin import Casbin
from application.api_keys import Keyring
from application.kernel import Caller
from domain.access import ROLES
from domain.kernel import Actor
from tests.api.erasures import BASIS
from tests.api.test_reports import section, told
from tests.waiting import until


@pytest.fixture
def tenant(world):
    return world.tenant()


@pytest.fixture
def ask(world, tenant):
    def ask(method, path, key="Admin", **named):
        return world.ask(method, f"/v1{path}", tenant.keys[key], **named)

    return ask


@pytest.fixture
def add(ask):
    def add(role="Viewer"):
        member = str(uuid4())
        done = ask("POST", "/members", json={"member": member, "role": role})
        assert (done.status_code, done.json()["facts"]) == (200, ["orgs.joined"])
        return member, done

    return add


@pytest.fixture
def hers(world, tenant, add):
    """A member, and a key of theirs beside one that is nobody's."""
    member, _ = add("Member")
    world.key(tenant, None, "hers", member=member)
    return member


def after(done):
    return {"Everlog-Min-Position": done.headers["Everlog-Position"]}


def code(answer):
    return answer.status_code, answer.json().get("code")


def roles(answer):
    return {each["id"]: each["role"] for each in answer.json()["items"]}


def test_members_are_added_given_another_role_and_removed(ask, add, tenant):
    [founder] = roles(until(lambda: (found := ask("GET", "/members")).json()["items"] and found))
    member, done = add()
    assert roles(ask("GET", "/members", "Manager", headers=after(done))) == {founder: "Admin", member: "Viewer"}
    done = ask("POST", f"/members/{member}/role", json={"role": "Manager"})
    assert (done.json()["facts"], done.json()["id"]) == (["orgs.role-changed"], str(tenant.id))
    [row] = ask("GET", "/members?role=Manager", headers=after(done)).json()["items"]
    assert (row["id"], row["by"]) == (member, f"key:{tenant.ids['Admin']}")
    assert row["since"] > row["joined_at"]
    done = ask("POST", f"/members/{member}/removal", json={})
    assert done.json()["facts"] == ["orgs.removed"]
    assert roles(ask("GET", "/members", headers=after(done))) == {founder: "Admin"}
    assert code(ask("GET", f"/members/{member}")) == (404, "orgs.member-unknown")


def test_many_members_are_listed_page_by_page(ask, add):
    added = [add()[0] for _ in range(5)]
    _, done = add("Auditor")
    found: list[list[str]] = []
    cursor = ""
    for _ in range(3):
        page = ask("GET", f"/members?role=Viewer&limit=2&cursor={cursor}", headers=after(done)).json()
        found.append([each["id"] for each in page["items"]])
        cursor = page["cursor"]
    assert found == [added[:2], added[2:4], added[4:]]
    assert not cursor, "there is no further page"


def test_what_cannot_be_is_refused_by_a_code_and_on_record(ask, add):
    member, done = add()
    [founder] = {each for each, role in roles(ask("GET", "/members", headers=after(done))).items() if role == "Admin"}
    nobody = uuid4()
    for path, body, expected in (
        ("", {"member": member, "role": "Admin"}, (409, "orgs.member-exists")),
        ("", {"member": str(nobody), "role": "Owner"}, (422, "orgs.role-unknown")),
        (f"/{member}/role", {"role": "viewer"}, (422, "orgs.role-unknown")),
        (f"/{nobody}/role", {"role": "Viewer"}, (404, "orgs.member-unknown")),
        (f"/{nobody}/removal", {}, (404, "orgs.member-unknown")),
        (f"/{founder}/role", {"role": "Viewer"}, (409, "orgs.last-admin")),
        (f"/{founder}/removal", {}, (409, "orgs.last-admin")),
    ):
        answer = ask("POST", f"/members{path}", json=body)
        assert code(answer) == expected
        if expected[1] == "orgs.role-unknown":
            assert answer.json()["details"] == {"roles": list(ROLES)}
        [refused] = ask("GET", "/audit?outcome=refused&limit=1", headers=after(answer)).json()["items"]
        assert refused["code"] == expected[1]
    same = ask("POST", "/members", json={"member": member, "role": "Viewer"})
    assert (same.status_code, same.json()["facts"]) == (200, [])


def test_a_request_is_done_once_and_is_another_s_where_it_names_another(ask, add):
    (first, _), (second, _) = add(), add()
    once = {"Idempotency-Key": str(uuid4())}
    done = [ask("POST", f"/members/{first}/removal", json={}, headers=once).json() for _ in range(2)]
    assert [each["repeated"] for each in done] == [False, True]
    assert done[0]["position"] == done[1]["position"]
    answer = ask("POST", f"/members/{second}/removal", json={}, headers=once)
    assert code(answer) == (422, "idempotency.reused")
    assert ask("GET", f"/members/{second}").json() == {"id": second, "role": "Viewer"}


def test_who_saw_an_earlier_version_changes_nothing(ask, add):
    (member, _), (other, _) = add(), add()
    seen = ask("GET", f"/members/{member}").headers["ETag"]
    ask("POST", f"/members/{other}/role", json={"role": "Member"})
    answer = ask("POST", f"/members/{member}/role", json={"role": "Admin"}, headers={"If-Match": seen})
    assert code(answer) == (412, "precondition.failed")
    now = ask("GET", f"/members/{member}").headers["ETag"]
    done = ask("POST", f"/members/{member}/role", json={"role": "Admin"}, headers={"If-Match": now})
    assert done.status_code == 200
    assert ask("GET", f"/members/{member}").headers["ETag"] == f'"{done.json()["generation"]}:{done.json()["version"]}"'


def test_a_change_is_in_the_trail_with_what_was_before_and_who_did_it(ask, add, tenant):
    member, _ = add()
    for path, body, after_it in (("role", {"role": "Manager"}, "Manager"), ("removal", {}, None)):
        done = ask("POST", f"/members/{member}/{path}", json=body, headers={"Everlog-Reason": "HR-17"})
        found = ask("GET", f"/audit/{done.json()['position']}", "Auditor", headers=after(done)).json()
        before = "Viewer" if path == "role" else "Manager"
        [change] = found["changes"]
        assert change == {"field": f"roles.{member}", "before": before, "after": after_it, "withheld": False}
        entry = found["entry"]
        assert (entry["actor"], entry["permission"]) == (str(tenant.ids["Admin"]), "orgs.manage")
        assert (entry["rule"], entry["circumstances"]["reason"]) == ("p, role:Admin, orgs.manage", "HR-17")


def test_the_review_tells_of_members_of_their_keys_and_of_what_changed(ask, world, tenant, hers):
    ask("POST", f"/members/{hers}/role", json={"role": "Manager"})

    def review():
        report = told(world, tenant, "access-review")
        [member] = [each for each in section(report, "Members") if each["Member"] == hers] or [None]
        [key] = [each for each in section(report, "API keys") if each["Member"] == hers]
        return report, member, key

    report, member, key = review()
    assert (member["Role"], member["Given by"]) == ("Manager", f"key:{tenant.ids['Admin']}")
    assert (key["Key"], key["Role"], key["State"]) == (str(tenant.ids["hers"]), "Manager", "in force")
    changed = [each["What was recorded"] for each in section(report, "Changes of access")]
    assert f'{{"member": "{hers}", "left": "Member", "taken": "Manager"}}' in changed
    ask("POST", f"/members/{hers}/removal", json={})
    _, member, key = review()
    assert (member, key["Role"], key["State"]) == (None, "", "its member is gone")


def test_a_member_s_key_does_what_the_member_may_now(ask, world, tenant, hers):
    """By a key that is nobody's as control: it goes on through all of it."""
    world.key(tenant, "Member", "ci")

    def capture(key):
        answer = ask("POST", "/prospects", key, json={"name": "Ada", "email": f"{uuid4()}@example.org"})
        return answer.status_code, answer.json().get("code")

    until(lambda: capture("hers") == (201, None))
    assert capture("ci") == (201, None)
    ask("POST", f"/members/{hers}/role", json={"role": "Viewer"})
    until(lambda: capture("hers") == (403, "access.denied"))
    assert ask("GET", "/prospects", "hers").status_code == 200
    ask("POST", f"/members/{hers}/role", json={"role": "Member"})
    until(lambda: capture("hers") == (201, None))
    ask("POST", f"/members/{hers}/removal", json={})
    until(lambda: capture("hers") == (403, "access.denied"))
    for path in ("/prospects", "/funnel", "/audit", "/members", "/predictions"):
        assert code(ask("GET", path, "hers")) == (403, "access.denied")
    assert capture("ci") == (201, None)
    ask("POST", "/members", json={"member": hers, "role": "Member"})
    until(lambda: capture("hers") == (201, None))


def test_who_knew_the_role_before_knows_of_a_change_as_well(ask, world, tenant, hers):
    """Another process has what it knows of roles and keys to itself."""
    keyring = Keyring(world.logs)
    process, caller = Casbin(world.logs, keyring), Caller(tenant=tenant.id, actor=Actor("key", tenant.ids["hers"]))

    def may():
        return world.run(process.decide(caller, "prospects.capture")).allowed

    assert may()
    ask("POST", f"/members/{hers}/removal", json={})
    until(lambda: not may())


@pytest.mark.parametrize("counted", ["members", "keys"])
def test_two_keys_of_one_member_are_one_where_it_takes_two(ask, world, tenant, add, counted, monkeypatch):
    """By somebody else's key as control; and were keys counted, one member would do."""
    if counted == "keys":
        monkeypatch.setattr(Caller, "who", property(lambda caller: caller.actor.id))
    (one, _), (other, _) = add("Admin"), add("Admin")
    for name, member in (("first", one), ("second", one), ("another's", other)):
        world.key(tenant, None, name, member=member)
    person = {"name": "Ada", "email": f"{uuid4()}@example.org"}
    id = ask("POST", "/prospects", json=person).json()["id"]
    until(lambda: ask("GET", "/members", "first").status_code == 200)
    assert ask("POST", f"/privacy/erasures/{id}", "first", json=BASIS).status_code == 200
    approval = f"/privacy/erasures/{id}/approval"
    approved = ask("POST", approval, "second", json={})
    if counted == "keys":
        assert approved.status_code == 200
        return
    assert code(approved) == (409, "privacy.four-eyes")
    assert ask("POST", approval, "another's", json={}).status_code == 200

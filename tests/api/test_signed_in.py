"""Who came in, from where and when: a key's first use from a place is in the trail, whoever asks and whatever for."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx2
import psycopg
import pytest

from application.api_keys import Revoke
from application.audit import Trail
from domain.audit import SignedIn
from domain.kernel import Sealed
from tenants.quotas import Quota
from tests.waiting import until


@pytest.fixture
def tenant(world):
    return world.tenant()


@pytest.fixture
def desk():
    return {"Everlog-Session": f"desk-{uuid4().hex}", "User-Agent": f"tests {uuid4().hex}"}


def ask(world, tenant, headers, role="Member", client=None):
    bearer = {"Authorization": f"Bearer {tenant.keys[role]}"}
    return (client or world.client).get("/v1/prospects", headers={**bearer, **headers})


def recorded(world, tenant, role="Member"):
    log = world.logs.of(tenant.id).read(0, 100_000)
    return [each for each in log if isinstance(each.fact, SignedIn) and each.meta.actor.id == tenant.ids[role]]


def entries(world, tenant, key="Auditor", **asked):
    """What the trail shows, newest first."""
    generation, head = world.logs.of(tenant.id).head()
    headers = {"Everlog-Min-Position": f"{generation}:{head}"}
    return world.ask("POST", "/v1/audit/find", tenant.keys[key], headers, json=asked).json()["items"]


def test_the_first_use_of_a_key_is_in_the_trail_with_who_from_where_and_when(world, tenant, desk):
    assert ask(world, tenant, desk).status_code == 200
    key = tenant.ids["Member"]
    [entry] = entries(world, tenant, type="audit.signed-in", actor=str(key), facts=True)
    assert (entry["actor_kind"], entry["actor"], entry["outcome"]) == ("key", str(key), "accepted")
    assert entry["circumstances"] == {
        "ip": "127.0.0.1",
        "session": desk["Everlog-Session"],
        "agent": desk["User-Agent"],
        "reason": "",
    }
    assert entry["fact"] == {"credential": f"api_keys/{key}", "more": 0}
    assert entry["at"]
    assert entry["correlation"]


def test_the_second_use_from_the_same_place_is_not_told_again_and_another_place_is(world, tenant, desk):
    for _ in range(3):
        assert ask(world, tenant, desk).status_code == 200
    assert len(recorded(world, tenant)) == 1
    with httpx2.Client(base_url=world.url, transport=httpx2.HTTPTransport(local_address="127.0.0.2")) as far:
        for _ in range(2):
            assert ask(world, tenant, desk, client=far).status_code == 200
    for changed in ({"User-Agent": "another"}, {"Everlog-Session": "another"}):
        assert ask(world, tenant, {**desk, **changed}).status_code == 200
    assert len(recorded(world, tenant)) == 4
    [elsewhere] = entries(world, tenant, type="audit.signed-in", ip="127.0.0.2")
    assert elsewhere["circumstances"]["session"] == desk["Everlog-Session"]
    named = {"session": desk["Everlog-Session"]}, {"agent": desk["User-Agent"]}
    assert [len(entries(world, tenant, type="audit.signed-in", **each)) for each in named] == [3, 3]


def test_what_a_user_did_in_a_session_begins_with_the_sign_in(world, tenant, desk):
    body = {"name": "Ada", "email": f"{uuid4()}@example.org"}
    assert world.ask("POST", "/v1/prospects", tenant.keys["Member"], desk, json=body).status_code == 201
    found = entries(world, tenant, session=desk["Everlog-Session"])
    assert [each["type"] for each in found] == ["prospects.captured", "audit.signed-in"]


def test_a_key_that_is_refused_did_not_sign_in_and_both_stand_with_the_key(world, tenant, desk):
    key = tenant.keys["Member"]
    wrong = key[:-8] + ("a" * 8 if not key.endswith("a" * 8) else "b" * 8)
    assert world.ask("GET", "/v1/prospects", wrong, desk).json()["code"] == "auth.invalid"
    assert recorded(world, tenant) == []
    assert ask(world, tenant, desk).status_code == 200
    id = tenant.ids["Member"]
    world.do(tenant.id, Revoke(), id)
    until(lambda: ask(world, tenant, desk).json().get("code") == "auth.revoked")
    told = entries(world, tenant, capability="api_keys", resource=str(id))
    assert [(each["type"], each["command"], each["code"]) for each in told] == [
        ("audit.refused", "authenticate", "auth.revoked"),
        ("api_keys.revoked", "", ""),
        ("audit.signed-in", "", ""),
        ("audit.refused", "authenticate", "auth.invalid"),
        ("api_keys.issued", "", ""),
    ]


def test_from_where_is_sealed_under_the_key_and_withheld_from_who_may_not_see_it(world, tenant, desk):
    assert ask(world, tenant, desk).status_code == 200
    [event] = recorded(world, tenant)
    assert isinstance(event.meta.circumstances, Sealed)
    assert event.meta.circumstances.subject == tenant.ids["Member"]
    world.key(tenant, "Admin", "narrow", scopes=("audit.read",))
    generation, head = world.logs.of(tenant.id).head()
    path, headers = "/v1/audit?type=audit.signed-in", {"Everlog-Min-Position": f"{generation}:{head}"}
    shown = {}
    for role in ("narrow", "Auditor"):
        found = world.ask("GET", path, tenant.keys[role], headers).json()["items"]
        [shown[role]] = [each["circumstances"] for each in found if each["actor"] == str(tenant.ids["Member"])]
    assert shown["narrow"] is None
    assert shown["Auditor"]["session"] == desk["Everlog-Session"], "the control"


class Hasty(Trail):
    """A trail that is not waited for."""

    async def signed_in(self, caller, fact):
        self.later = asyncio.create_task(super().signed_in(caller, fact))


@pytest.mark.parametrize("hasty", [False, True], ids=["waited for", "control"])
def test_nobody_is_answered_before_it_is_committed(world, tenant, desk, migrated, monkeypatch, hasty):
    """While somebody holds the organisation's log; who was seen before is answered meanwhile."""
    if hasty:
        monkeypatch.setattr(world.edge._entry, "_trail", Hasty(world.logs))
    assert ask(world, tenant, {}, "Viewer").status_code == 200
    with psycopg.connect(migrated.addresses.owner) as held, ThreadPoolExecutor(1) as beside:
        held.execute("select set_config('app.tenant', %s, true)", [str(tenant.id)])
        assert held.execute("select 1 from everlog.heads where tenant_id = %s for update", [tenant.id]).fetchone()
        asked = beside.submit(ask, world, tenant, desk)
        until(lambda: any(desk["User-Agent"] in place for place in list(world.edge._entry._places)))
        if hasty:
            until(asked.done)
        assert ask(world, tenant, {}, "Viewer").status_code == 200
        assert (asked.done(), recorded(world, tenant)) == (hasty, [])
        held.rollback()
        assert asked.result().status_code == 200
    until(lambda: len(recorded(world, tenant)) == 1)


def test_a_flood_of_user_agents_is_told_as_a_number(world, tenant, monkeypatch):
    monkeypatch.setattr(world.trail, "_comers", Quota(5))
    for n in range(40):
        assert ask(world, tenant, {"User-Agent": f"agent {n}"}).status_code == 200
    apart = len(recorded(world, tenant))
    assert 5 <= apart < 40
    world.run(world.trail.tell())
    found = recorded(world, tenant)
    assert (len(found), sum(1 + each.fact.more for each in found)) == (apart + 1, 40)

"""Who could see a resource at a moment: as the organisation, its roles and its keys stood then, and why."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from application.api_keys import Revoke
from application.kernel import Caller
from application.orgs import ChangeRole, Join, RemoveMember
from domain.access import ways
from domain.kernel import Actor
from tests.api.test_audit import position
from tests.api.world import ROLES
from tests.waiting import until


@pytest.fixture
def tenant(world):
    return world.tenant()


@pytest.fixture
def captured(world, tenant):
    person = {"name": "Ada", "email": f"{uuid4()}@example.org"}
    return world.ask("POST", "/v1/prospects", tenant.keys["Member"], json=person)


def could(world, tenant, id, role="Auditor", **asked):
    path = f"/v1/audit/resources/prospects/{id}/access"
    answer = world.ask("GET", path, tenant.keys[role], params=asked)
    assert answer.status_code == 200, answer.json()
    assert answer.json()["whole"]
    return answer.json()


def who(told, kind="user"):
    return {each["id"]: (each["role"], each["personal"]) for each in told["holders"] if each["kind"] == kind}


def test_members_are_told_in_the_role_that_they_had_then(world, tenant, captured):
    id, member = captured.json()["id"], uuid4()
    commands = (
        Join(member=member, role="Viewer"),
        ChangeRole(member=member, role="Manager"),
        ChangeRole(member=member, role="Auditor"),
        ChangeRole(member=member, role="Member"),
        RemoveMember(member=member),
    )
    last = [world.do(tenant.id, command, tenant.id).position for command in commands]
    told = [who(could(world, tenant, id, at=at)).get(str(member)) for at in (position(captured), *last)]
    assert told == [None, ("Viewer", False), ("Manager", True), ("Auditor", False), ("Member", True), None]
    [holder] = [each for each in could(world, tenant, id, at=last[1])["holders"] if each["id"] == str(member)]
    assert (holder["rule"], holder["position"]) == ("p, role:Manager, prospects.read", last[1])
    assert holder["granted_by"] == "operator:00000000-0000-0000-0000-000000000007"


def test_keys_are_told_until_they_are_revoked_or_expire_and_by_their_scopes(world, tenant, captured):
    id = captured.json()["id"]
    narrow = world.key(tenant, "Admin", "narrow", scopes=("prospects.read",))
    world.key(tenant, "Admin", "blind", scopes=("funnel.read", "audit.read-circumstances", "prospects.read-personal"))
    before = world.logs.of(tenant.id).head()[1]
    keys = who(could(world, tenant, id, at=before), "key")
    assert keys[str(tenant.ids["narrow"])] == ("Admin", False)
    assert str(tenant.ids["blind"]) not in keys
    assert {role for role, _ in keys.values()} == {"Admin", "Manager", "Member", "Viewer", "Auditor"}
    world.do(tenant.id, Revoke(), tenant.ids["narrow"])
    assert str(tenant.ids["narrow"]) not in who(could(world, tenant, id), "key")
    assert str(tenant.ids["narrow"]) in who(could(world, tenant, id, at=before), "key")
    assert narrow


def test_a_key_that_had_expired_then_is_left_out(world, tenant, captured):
    id = captured.json()["id"]
    world.key(tenant, "Viewer", "short", expires_at=datetime.now(UTC) + timedelta(hours=1))
    key = tenant.ids["short"]
    for ahead, known in ((0, True), (2, False)):
        at = (datetime.now(UTC) + timedelta(hours=ahead)).isoformat()
        assert (str(key) in who(could(world, tenant, id, at=at), "key")) == known


def test_a_member_s_key_is_told_in_the_role_that_the_member_had_then(world, tenant, captured):
    id, member = captured.json()["id"], uuid4()
    first = world.do(tenant.id, Join(member=member, role="Viewer"), tenant.id).position
    world.key(tenant, None, "hers", member=member)
    issued = world.logs.of(tenant.id).head()[1]
    later = [
        world.do(tenant.id, command, tenant.id).position
        for command in (ChangeRole(member=member, role="Member"), RemoveMember(member=member))
    ]
    key = str(tenant.ids["hers"])
    told = [who(could(world, tenant, id, at=at), "key").get(key) for at in (first, issued, *later)]
    assert told == [None, ("Viewer", False), ("Member", True), None]
    [holder] = [each for each in could(world, tenant, id, at=later[0])["holders"] if each["id"] == key]
    assert (holder["rule"], holder["member"]) == ("p, role:Member, prospects.read", str(member))


def test_what_is_told_of_now_is_what_access_decides_now(world, tenant, captured):
    """Held against the enforcer itself, for every member and key."""
    members = [uuid4() for _ in ROLES]
    for member, role in zip(members, ROLES, strict=True):
        world.do(tenant.id, Join(member=member, role=role), tenant.id)
        world.key(tenant, None, f"of {role}", member=member)
    told = could(world, tenant, captured.json()["id"])
    asked = [("user", member) for member in members] + [("key", id) for id in tenant.ids.values()]

    async def decided(needs):
        return {
            str(id)
            for kind, id in asked
            for caller in [Caller(tenant=tenant.id, actor=Actor(kind, id))]
            if all([(await world.access.decide(caller, each)).allowed for each in needs])
        }

    known = {str(id) for _, id in asked}
    holders = [each for each in told["holders"] if each["id"] in known]
    assert {each["id"] for each in holders} == known
    for way in ways("prospects"):
        seeing = {each["id"] for each in holders if list(way.needs) in [given["permissions"] for given in each["by"]]}
        # The enforcer looks once a second.
        assert until(lambda: world.run(decided(way.needs)) == seeing), way  # noqa: B023 - asked before the next
    personal = {each["id"] for each in holders if each["personal"]}
    assert personal == world.run(decided(["prospects.read-personal"])) | world.run(decided(["privacy.export"]))


def test_what_was_not_there_then_could_be_seen_by_nobody(world, tenant, captured):
    path = f"/v1/audit/resources/prospects/{captured.json()['id']}/access"
    for at in (1, position(captured) - 1):
        answer = world.ask("GET", path, tenant.keys["Auditor"], params={"at": at})
        assert answer.json()["code"] == "audit.resource-unknown"
    assert world.ask("GET", path, tenant.keys["Member"]).status_code == 403

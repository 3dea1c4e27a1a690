"""Who may do what, as pycasbin answers: default deny, nothing across tenants, changes within a second."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import get_args
from uuid import UUID, uuid4

import pytest

from adapters.casbin import MODEL, NOBODY, SCOPES, Casbin, Policy
from application.api_keys import Keyring, Revoke, mint
from application.fresh import Fresh
from application.kernel import Caller
from application.orgs import ChangeRole, Found, Join, RemoveMember
from application.turn import Asked
from domain.access import KINDS, PERMISSIONS, ROLES, Role
from domain.kernel import Actor, Meta
from domain.orgs import Org
from tests.memory import MemoryLogs

TENANT, OTHER = UUID(int=1), UUID(int=2)
MEMBERS: dict[Role, UUID] = {role: UUID(int=10 + n) for n, role in enumerate(get_args(Role))}


@pytest.fixture
def logs():
    logs = MemoryLogs()
    did(logs, Found(name="Acme", admin=MEMBERS["Admin"]), TENANT)
    for role, member in MEMBERS.items():
        if role != "Admin":
            did(logs, Join(member=member, role=role), TENANT)
    return logs


@pytest.fixture
def access(logs):
    return Casbin(logs, Keyring(logs))


def did(logs, command, id, tenant=TENANT):
    log, asked = logs.of(tenant), Asked(command, id)

    async def go():
        loaded = await log.load(asked.stream, command.stream)
        meta = Meta(uuid4(), Actor("operator", UUID(int=0)), command.permission)
        log.submit(asked.stream, loaded.version, command.decide(loaded.state), meta).result()

    asyncio.run(go())


def member(role, tenant=TENANT, scopes=None):
    return Caller(tenant=tenant, actor=Actor("user", MEMBERS[role]), scopes=scopes)


def decide(access, caller, permission):
    return asyncio.run(access.decide(caller, permission))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("permission", PERMISSIONS)
def test_a_member_may_what_its_role_holds(access, role, permission):
    assert decide(access, member(role), permission).allowed == (permission in ROLES[role])


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_program_does_itself_is_limited_too(access, kind):
    caller = Caller(tenant=TENANT, actor=Actor(kind, uuid4()))
    allowed = {permission for permission in PERMISSIONS if decide(access, caller, permission).allowed}
    assert allowed == KINDS[kind]


def test_a_decision_carries_its_rule(access):
    assert decide(access, member("Viewer"), "prospects.read").rule == "p, role:Viewer, prospects.read"
    assert decide(access, member("Viewer"), "prospects.win").rule == NOBODY


def test_a_member_of_one_tenant_is_nobody_in_another(access):
    assert not decide(access, member("Admin", OTHER), "prospects.read").allowed


def test_what_is_not_in_the_catalogue_is_denied(access):
    assert not decide(access, member("Admin"), "prospects.everything").allowed
    assert not decide(access, member("Admin"), "").allowed


def test_strangers_are_denied(access):
    for kind in ("user", "key"):
        assert not decide(access, Caller(tenant=TENANT, actor=Actor(kind, uuid4())), "prospects.read").allowed


def test_a_key_may_what_its_role_holds_and_its_scopes_leave(logs, access):
    minted = mint(TENANT, "ci", "Member", scopes=("prospects.read", "audit.read"))
    did(logs, minted.issue, minted.id)
    caller = asyncio.run(Keyring(logs).caller(minted.text))
    answers = {p: decide(access, caller, p) for p in ("prospects.read", "audit.read", "prospects.win")}
    assert {p: answer.allowed for p, answer in answers.items()} == {
        "prospects.read": True,
        "audit.read": False,
        "prospects.win": False,
    }
    assert answers["prospects.win"].rule == SCOPES


def test_a_member_s_key_may_what_the_member_may_and_its_scopes_leave(logs, access):
    narrow = mint(TENANT, "hers", None, scopes=("prospects.read", "audit.read"), member=MEMBERS["Member"])
    did(logs, narrow.issue, narrow.id)
    caller = asyncio.run(Keyring(logs).caller(narrow.text))
    assert caller.who == MEMBERS["Member"]
    answers = {p: decide(access, caller, p) for p in ("prospects.read", "audit.read", "prospects.win")}
    assert {p for p, answer in answers.items() if answer.allowed} == {"prospects.read"}
    assert answers["prospects.read"].rule == "p, role:Member, prospects.read"


class Time:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def time(access):
    time = Time()
    access._policies = Fresh(access._look, clock=time)
    access._keyring._keys = Fresh(access._keyring._look, clock=time)
    return time


def test_a_change_of_role_counts_within_a_second(logs, access, time):
    viewer = member("Viewer")
    assert not decide(access, viewer, "prospects.win").allowed
    did(logs, ChangeRole(member=MEMBERS["Viewer"], role="Member"), TENANT)
    time.now = 1.0
    assert decide(access, viewer, "prospects.win").allowed
    did(logs, RemoveMember(member=MEMBERS["Viewer"]), TENANT)
    time.now = 2.0
    assert not decide(access, viewer, "prospects.read").allowed


def test_what_becomes_of_a_member_counts_for_their_keys_within_a_second(logs, access, time):
    """The control is a key of the same role that is nobody's."""
    assert followed(logs, access, time) == [[True, False], [True, True], [False, False], [True, False]]


def test_a_key_that_kept_its_member_s_role_would_be_noticed(logs, access, time, monkeypatch):
    monkeypatch.setattr("adapters.casbin._subject", lambda _: "role:Viewer")
    assert followed(logs, access, time) == [[True, False]] * 4


def followed(logs, access, time):
    """What a Viewer's key may before and after they become Member, are removed, and come back."""
    member = MEMBERS["Viewer"]
    hers, control = mint(TENANT, "hers", None, member=member), mint(TENANT, "ci", "Viewer")
    for minted in (hers, control):
        did(logs, minted.issue, minted.id)

    def may(minted):
        caller = asyncio.run(access._keyring.caller(minted.text))
        return [decide(access, caller, permission).allowed for permission in ("prospects.read", "prospects.win")]

    seen = [may(hers)]
    for command in (
        ChangeRole(member=member, role="Member"),
        RemoveMember(member=member),
        Join(member=member, role="Viewer"),
    ):
        did(logs, command, TENANT)
        assert may(hers) == seen[-1], "what is at hand is used for less than a second"
        time.now += 1.0
        seen.append(may(hers))
        assert may(control) == [True, False]
    return seen


def test_a_revoked_key_is_denied_within_a_second(logs, access, time):
    minted = mint(TENANT, "ci", "Member")
    did(logs, minted.issue, minted.id)
    caller = Caller(tenant=TENANT, actor=Actor("key", minted.id))
    assert decide(access, caller, "prospects.read").allowed
    did(logs, Revoke(), minted.id)
    time.now = 1.0
    assert not decide(access, caller, "prospects.read").allowed


def test_nothing_is_built_anew_while_nothing_changed(logs, access, time):
    decide(access, member("Viewer"), "prospects.read")
    built = access._built[TENANT]
    time.now = 5.0
    decide(access, member("Viewer"), "prospects.read")
    assert access._built[TENANT] is built
    did(logs, ChangeRole(member=MEMBERS["Viewer"], role="Member"), TENANT)
    time.now = 10.0
    decide(access, member("Viewer"), "prospects.read")
    assert access._built[TENANT] is not built


def test_threads_get_the_answers_that_one_gets():
    roles = list(ROLES)
    org = Org("Acme", {UUID(int=n): roles[n % 5] for n in range(200)})
    policy = Policy(TENANT, (1, 1), org)
    asked = [(n, permission) for n in range(200) for permission in list(PERMISSIONS)[:5]]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda each: policy.decide(f"user:{UUID(int=each[0])}", each[1]).allowed, asked))
    assert answers == [permission in ROLES[roles[n % 5]] for n, permission in asked]


def test_an_organisation_may_have_many_members():
    roles = list(ROLES)
    policy = Policy(TENANT, (1, 1), Org("Acme", {UUID(int=n): roles[n % 5] for n in range(10_000)}))
    for n in (0, 1, 9_998, 9_999):
        allowed = policy.decide(f"user:{UUID(int=n)}", "prospects.win").allowed
        assert allowed == ("prospects.win" in ROLES[roles[n % 5]])
    assert not policy.decide(f"user:{UUID(int=10_000)}", "prospects.read").allowed


def test_an_enforcer_that_allows_everything_is_noticed(access, monkeypatch):
    monkeypatch.setattr("adapters.casbin.MODEL", MODEL.replace("r.act == p.act && r.dom", "r.dom"))
    wrong = [
        (role, permission)
        for role in ROLES
        for permission in PERMISSIONS
        if decide(access, member(role), permission).allowed != (permission in ROLES[role])
    ]
    assert len(wrong) > 20

"""Many at once, on the real log: nothing is done twice, nothing is lost, and rights end when they are taken away."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from application.api_keys import Revoke
from application.orgs import ChangeRole, Join, RemoveMember

CALLERS = 16


@pytest.fixture
def ask(world, acme):
    def ask(method, path, role="Admin", **named):
        return world.ask(method, path, acme.keys[role], **named)

    return ask


def at_once(function, count=CALLERS):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(function, range(count)))


@pytest.fixture
def captured(ask):
    person = {"name": "Ada", "email": f"{uuid4()}@example.org"}
    return ask("POST", "/v1/prospects", json=person).json()["id"]


def test_one_request_sent_many_times_at_once_is_done_once(ask):
    person = {"name": "Ada", "email": f"{uuid4()}@example.org"}
    key = {"Idempotency-Key": str(uuid4())}
    answers = at_once(lambda _: ask("POST", "/v1/prospects", json=person, headers=key))
    assert {each.status_code for each in answers} == {201}
    assert len({(each.json()["id"], each.json()["position"]) for each in answers}) == 1
    assert sum(not each.json()["repeated"] for each in answers) == 1


def test_notes_on_one_prospect_at_once_are_all_kept(ask, captured):
    answers = at_once(lambda n: ask("POST", f"/v1/prospects/{captured}/notes", json={"text": f"note {n}"}))
    assert [each.status_code for each in answers] == [200] * CALLERS
    assert sorted(each.json()["version"] for each in answers) == list(range(2, CALLERS + 2))


def test_of_many_who_saw_the_same_version_one_writes(ask, captured):
    headers = {"If-Match": '"1:1"'}
    answers = at_once(
        lambda n: ask("POST", f"/v1/prospects/{captured}/stage", json={"stage": f"s{n}"}, headers=headers)
    )
    assert sorted(each.status_code for each in answers) == [200] + [412] * (CALLERS - 1)


def test_of_many_with_one_mail_address_one_is_captured(ask):
    person = {"name": "Ada", "email": f"{uuid4()}@example.org"}
    answers = at_once(lambda _: ask("POST", "/v1/prospects", json=person))
    assert sorted(each.status_code for each in answers) == [201] + [409] * (CALLERS - 1)
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"prospects.email-taken"}


def test_of_many_who_close_it_differently_one_does(ask, captured):
    answers = at_once(
        lambda n: (
            ask("POST", f"/v1/prospects/{captured}/win", json={"value": n, "currency": "EUR"})
            if n % 2
            else ask("POST", f"/v1/prospects/{captured}/lose", json={"reason": f"{n}"})
        )
    )
    assert sorted(each.status_code for each in answers) == [200] + [409] * (CALLERS - 1)


def test_bulks_at_once_keep_each_its_order(ask):
    def bulk(_):
        commands: list[dict[str, object]] = []
        for _ in range(30):
            id = str(uuid4())
            commands.append({"command": "prospects.capture", "id": id, "name": "A", "email": f"{id}@example.org"})
            commands.append({"command": "prospects.observe", "id": id, "kind": "visit", "strength": 1})
        return ask("POST", "/v1/commands", json={"commands": commands}).json()["results"]

    taken = []
    for results in at_once(bulk, 4):
        assert {each["status"] for each in results} == {201}
        positions = [each["outcome"]["position"] for each in results]
        assert positions == sorted(positions)
        taken += positions
    assert len(set(taken)) == len(taken) == 240


def test_a_revoked_key_opens_nothing_a_second_later(world, acme):
    key = world.key(acme, "Member", "leaving")
    assert world.ask("GET", "/v1/prospects", key).status_code == 200
    world.do(acme.id, Revoke(), acme.ids["leaving"])
    time.sleep(1)
    answer = world.ask("GET", "/v1/prospects", key)
    assert (answer.status_code, answer.json()["code"]) == (401, "auth.revoked")


def test_a_changed_role_counts_a_second_later(world, acme):
    from application.kernel import Caller
    from domain.kernel import Actor

    member = uuid4()
    caller = Caller(tenant=acme.id, actor=Actor("user", member))

    def may(permission):
        return world.run(world.access.decide(caller, permission)).allowed

    for command, permission in (
        (Join(member=member, role="Viewer"), "prospects.read"),
        (ChangeRole(member=member, role="Member"), "prospects.win"),
    ):
        assert not may(permission)
        world.do(acme.id, command, acme.id)
        time.sleep(1)
        assert may(permission)
    world.do(acme.id, RemoveMember(member=member), acme.id)
    time.sleep(1)
    assert not may("prospects.read")

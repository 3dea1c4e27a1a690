"""Rates and shares: decided before anything else is touched."""

from uuid import uuid4

import pytest

from application.api_keys import mint
from domain.audit import Denial
from tenants.context import SYSTEM
from tenants.quotas import Quota


@pytest.fixture
def ask(world, acme):
    def ask(role="Admin", **named):
        return world.ask("GET", "/v1/prospects?limit=1", acme.keys.get(role, role), **named)

    return ask


def test_a_key_is_told_what_is_left_and_when_to_come_back(world, ask, monkeypatch):
    monkeypatch.setattr(world.edge, "_quota", Quota(3, 3600))
    answers = [ask() for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"key";q=3;w=3600'
    assert [each.headers["RateLimit"].split(";")[1] for each in answers] == ["r=2", "r=1", "r=0", "r=0"]
    assert 0 < int(answers[3].headers["Retry-After"]) <= 1200
    assert ask("Viewer").status_code == 200


def test_beyond_the_rate_nothing_is_looked_up(world, ask, monkeypatch):
    monkeypatch.setattr(world.edge, "_quota", Quota(1, 3600))
    assert ask().status_code == 200

    async def looked(*_):
        raise AssertionError("nobody looks")

    monkeypatch.setattr(world.edge._entry, "admit", looked)
    assert ask().json()["code"] == "quota.exceeded"


def test_a_wrong_key_does_not_use_up_another_s_rate(world, ask, acme, monkeypatch):
    monkeypatch.setattr(world.edge, "_quota", Quota(1, 3600))
    wrong = acme.keys["Admin"][:-4] + "aaaa"
    assert [ask(wrong).status_code for _ in range(2)] == [401, 429]
    assert ask().status_code == 200


def test_who_guesses_keys_is_stopped(world, ask, acme, monkeypatch):
    monkeypatch.setattr(world.edge, "_attempts", Quota(2, 3600))
    guesses = [ask(wrong(acme, letter)) for letter in "bcdef"]
    assert [each.status_code for each in guesses] == [401, 401, 429, 429, 429]
    assert guesses[-1].json()["code"] == "auth.attempts"


def test_who_guesses_keys_locks_nobody_out_who_comes_from_the_same_address(world, ask, acme, monkeypatch):
    """Behind a proxy that is not trusted, everybody comes from one address."""
    assert ask("Viewer").status_code == 200
    fresh = world.key(acme, "Viewer", "Fresh")
    monkeypatch.setattr(world.edge, "_attempts", Quota(2, 3600))
    guesses = [ask(wrong(acme, letter)) for letter in "bcde"]
    assert [each.status_code for each in guesses] == [401, 401, 429, 429]
    assert ask("Viewer").status_code == 200
    assert ask(fresh).status_code == 200
    # The control: whoever goes on guessing is told nothing more.
    assert [ask(wrong(acme, letter)).json()["code"] for letter in "fg"] == ["auth.attempts"] * 2


def test_beyond_the_attempts_few_keys_that_nobody_knows_are_looked_up(world, ask, acme, monkeypatch):
    assert ask("Viewer").status_code == 200
    monkeypatch.setattr(world.edge, "_attempts", Quota(1, 3600))
    monkeypatch.setattr(world.edge, "_looks", Quota(2, 3600))
    looked, admit = [], world.edge._entry.admit

    async def counted(text, circumstances):
        looked.append(text)
        return await admit(text, circumstances)

    monkeypatch.setattr(world.edge._entry, "admit", counted)
    guesses = [wrong(acme, letter) for letter in "bcdefg"]
    assert [ask(each).status_code for each in guesses] == [401, 429, 429, 429, 429, 429]
    assert looked == guesses[:3]
    assert ask("Viewer").status_code == 200


def test_who_asks_too_much_is_counted_for_the_key(world, ask, acme, monkeypatch):
    assert ask("Manager").status_code == 200
    monkeypatch.setattr(world.edge, "_quota", Quota(1, 3600))
    assert [ask("Manager").status_code for _ in range(5)] == [200, 429, 429, 429, 429]
    assert counted(world, acme, "quota.exceeded", actor=acme.ids["Manager"]) == 4


def test_attempts_that_are_heard_no_more_are_counted_where_they_wanted_to_go(world, ask, acme, monkeypatch):
    assert ask("Viewer").status_code == 200
    monkeypatch.setattr(world.edge, "_attempts", Quota(1, 3600))
    monkeypatch.setattr(world.edge, "_looks", Quota(1, 3600))
    before = counted(world, acme, "auth.attempts")
    nowhere = mint(uuid4(), "", "Admin").text
    asked = [ask(key).status_code for key in (wrong(acme, "b"), wrong(acme, "c"), *[wrong(acme, "d")] * 3, nowhere)]
    assert asked == [401, 429, 429, 429, 429, 429]
    assert counted(world, acme, "auth.attempts") - before == 3
    [*_, elsewhere] = refusals(world, SYSTEM, "auth.attempts")
    assert elsewhere.fact.more == 0
    [*_, last] = refusals(world, acme.id, "auth.attempts")
    assert last.fact.resource == f"api_keys/{acme.ids['Admin']}"
    assert world.logs.of(acme.id).open(last.meta.circumstances).ip == "127.0.0.1"


def refusals(world, tenant, code):
    world.run(world.trail.tell())
    found = world.logs.of(tenant).read(0, 100_000)
    return [each for each in found if isinstance(each.fact, Denial) and each.fact.code == code]


def counted(world, tenant, code, actor=SYSTEM):
    found = refusals(world, tenant.id, code)
    return sum(1 + each.fact.more for each in found if each.meta.actor.id == actor)


def wrong(tenant, letter):
    return tenant.keys["Admin"][:-4] + 3 * letter + "a"


def test_a_tenant_that_asks_too_much_at_once_waits(world, ask, acme, monkeypatch):
    monkeypatch.setattr("api.edge.BUSY", 0)
    answer = ask()
    assert (answer.status_code, answer.json()["code"]) == (429, "tenants.busy")
    assert int(answer.headers["Retry-After"]) >= 1


def test_what_was_taken_is_given_back(world, ask, acme):
    for _ in range(3):
        ask()
    world.ask("POST", "/v1/prospects", acme.keys["Admin"], content=b"{")
    assert acme.id not in world.edge._busy

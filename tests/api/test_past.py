"""What stood at a moment of the past: by position and by time, and an erased person as erased."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from adapters.erasures import Erasures
from adapters.ledger import Ledger
from tests.api.test_audit import after, position
from tests.waiting import until


@pytest.fixture
def ask(world, acme):
    def ask(method, path, role="Admin", **named):
        return world.ask(method, path, acme.keys[role], **named)

    return ask


@pytest.fixture
def moved(ask):
    """A prospect that was captured, moved twice and won; the answers."""
    person = {"name": "Ada", "email": f"{uuid4()}@example.org", "industry": "looms"}
    done = [ask("POST", "/v1/prospects", "Member", json=person)]
    path = f"/v1/prospects/{done[0].json()['id']}"
    done += [ask("POST", f"{path}/stage", "Manager", json={"stage": stage}) for stage in ("met", "offer")]
    done.append(ask("POST", f"{path}/win", "Manager", json={"value": 900, "currency": "EUR"}))
    return path, done


STAGES = ["new", "met", "offer", "won"]


def test_a_prospect_is_told_as_it_stood_at_each_position(ask, moved):
    path, done = moved
    for number, (answer, stage) in enumerate(zip(done, STAGES, strict=True), 1):
        for where in (position(answer), *([position(done[number]) - 1] if number < len(done) else ())):
            then = ask("GET", path, "Viewer", params={"as_of": where})
            told = then.json()
            assert (told["stage"], told["version"]) == (stage, number)
            assert then.headers["Everlog-Position"] == answer.headers["Everlog-Position"]
            assert told["value"] == (900 if stage == "won" else None)
    assert ask("GET", path, params={"as_of": position(done[0]) - 1}).json()["code"] == "prospects.unknown"


def test_the_present_seen_as_the_past_is_what_the_view_has(ask, moved):
    path, done = moved
    now = ask("GET", path, headers=after(done[-1])).json()
    assert ask("GET", path, params={"as_of": position(done[-1])}).json() == now
    assert ask("GET", path, params={"as_of": (datetime.now(UTC) + timedelta(days=1)).isoformat()}).json() == now


def test_a_time_is_the_log_s_and_includes_its_moment(ask, moved):
    path, done = moved
    id = path.rpartition("/")[2]
    times = [
        each["at"] for each in ask("GET", f"/v1/audit?resource={id}&limit=4", headers=after(done[-1])).json()["items"]
    ][::-1]
    assert [ask("GET", path, params={"as_of": at}).json()["stage"] for at in times] == STAGES
    early = (datetime.fromisoformat(times[0]) - timedelta(microseconds=1)).isoformat()
    for wanted in (path, f"/v1/audit/resources/prospects/{id}"):
        name = "as_of" if wanted == path else "at"
        assert ask("GET", wanted, params={name: early}).status_code == 404


def test_a_moment_that_is_none_is_told(ask, moved):
    path, _ = moved
    for wrong in ("yesterday", "2026-13-01T00:00:00Z", "-1", "2026-01-01", "0000-01-01T00:00:00Z"):
        assert ask("GET", path, params={"as_of": wrong}).json()["code"] == "request.invalid", wrong
    beyond = ask("GET", path, params={"as_of": 10**17})
    assert (beyond.status_code, beyond.json()["code"]) == (422, "query.position")


def test_any_resource_is_told_with_its_state_then(acme, ask, moved):
    path, done = moved
    generic = f"/v1/audit/resources{path.removeprefix('/v1')}"
    told = ask("GET", generic, "Auditor", params={"at": position(done[1])}).json()
    assert (told["version"], told["position"], told["state"]["stage"]) == (2, position(done[1]), "met")
    assert told["withheld"] == ["captured.name", "captured.email", "captured.attributes"]
    assert (told["state"]["captured"]["name"], told["erased"]) == (None, [])
    opened = ask("GET", generic, "Admin", params={"at": position(done[1])}).json()
    assert (opened["state"]["captured"]["name"], opened["withheld"]) == ("Ada", [])
    org = ask("GET", f"/v1/audit/resources/orgs/{acme.id}", "Auditor").json()
    assert (org["state"]["name"], list(org["state"]["roles"].values())) == ("Acme", ["Admin"])
    for unknown in (f"orgs/{uuid4()}", f"none/{acme.id}"):
        answer = ask("GET", f"/v1/audit/resources/{unknown}", "Auditor")
        assert answer.json()["code"] == "audit.resource-unknown"


def test_who_was_erased_since_is_shown_as_erased_and_the_rest_as_it_was(world, acme, ask, moved, tmp_path):
    path, done = moved
    id = UUID(path.rpartition("/")[2])
    Erasures(world.keeper, Ledger(tmp_path)).erase(acme.id, [id])
    world.logs.rings.of(acme.id).forget([id])
    then = ask("GET", path, params={"as_of": position(done[1])}).json()
    assert (then["name"], then["stage"]) == (None, "met")
    assert sorted(then["erased"]) == ["attributes", "email", "name"]
    told = ask("GET", f"/v1/audit/resources/prospects/{id}", params={"at": position(done[1])}).json()
    assert told["erased"] == ["captured.name", "captured.email", "captured.attributes"]
    assert (told["state"]["stage"], told["state"]["captured"]["industry"]) == ("met", "looms")


def test_a_look_at_the_past_is_on_record(world, acme, ask, moved):
    path, done = moved
    id = path.rpartition("/")[2]
    ask("GET", path, params={"as_of": position(done[0])})
    ask("GET", f"/v1/audit/resources/prospects/{id}")

    def looks():
        read = [
            each.fact for each in world.logs.of(acme.id).read(position(done[-1]), 1000) if each.type == "audit.read"
        ]
        return {each.query for each in read if any(look.subjects == (UUID(id),) for look in each.looks)}

    assert until(lambda: looks() == {"prospects.then", "audit.resource"})


def test_the_past_is_another_tenant_s_alone(world, other, ask, moved):
    path, _ = moved
    key = other.keys["Admin"]
    assert world.ask("GET", path, key, params={"as_of": 1}).json()["code"] == "prospects.unknown"
    generic = f"/v1/audit/resources{path.removeprefix('/v1')}"
    assert world.ask("GET", generic, key).json()["code"] == "audit.resource-unknown"

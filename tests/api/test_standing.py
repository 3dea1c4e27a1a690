"""What stands in the way of an erasure beside the person's own holds: the organisation's, and its floor."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from domain.privacy import ErasureHalted
from tests.api.erasures import BASIS, approved, erasing
from tests.waiting import until


@pytest.fixture
def keeper(world):
    """A tenant with two Admins and nothing held."""
    tenant = world.tenant()
    world.key(tenant, "Admin", "Second")
    return tenant


def captured(world, tenant):
    person = {"name": "Ada Lovelace", "email": f"{uuid4()}@example.org"}
    return world.ask("POST", "/v1/prospects", tenant.keys["Admin"], json=person).json()["id"]


def code(answer):
    return answer.status_code, answer.json().get("code")


def hold(world, tenant, matter, **scope):
    """Propose and place a hold on a part of the record."""
    proposed = world.ask("POST", "/v1/privacy/holds", tenant.keys["Admin"], json={"matter": matter, **scope})
    assert proposed.json()["id"] == str(tenant.id)
    path = f"/v1/privacy/holds/{tenant.id}/placement"
    assert code(world.ask("POST", path, tenant.keys["Admin"], json={"matter": matter})) == (409, "privacy.four-eyes")
    return world.ask("POST", path, tenant.keys["Second"], json={"matter": matter})


def lift(world, tenant, matter):
    path = f"/v1/privacy/holds/{tenant.id}/lift"
    assert world.ask("POST", path, tenant.keys["Admin"], json={"matter": matter}).is_success
    assert world.ask("POST", f"{path}/approval", tenant.keys["Second"], json={"matter": matter}).is_success


def asked(world, tenant, id, **named):
    return world.ask("POST", f"/v1/privacy/erasures/{id}", tenant.keys["Admin"], json={**BASIS, **named})


def test_what_is_held_by_resource_time_or_query_is_not_erased(world, keeper):
    held, free = captured(world, keeper), captured(world, keeper)
    until_then = "2027-06-30T00:00:00Z"
    scopes = {
        "resource": {"resource": f"prospects/{held}"},
        "span": {"since": "2020-01-01T00:00:00Z", "before": "2099-01-01T00:00:00Z"},
        "query": {"type": "prospects.captured", "actor": str(keeper.ids["Admin"])},
    }
    for matter, scope in scopes.items():
        assert asked(world, keeper, captured(world, keeper)).is_success, "the control: nothing is held yet"
        placed = hold(world, keeper, matter, until=until_then, **scope)
        refused = asked(world, keeper, held)
        assert (code(refused), refused.json()["details"]) == ((409, "privacy.held"), {"matters": [matter]})
        standing = world.ask("GET", f"/v1/privacy/subjects/{held}/standing", keeper.keys["Auditor"]).json()
        assert (standing["erasable"], [each["until"] for each in standing["holds"]]) == (False, [until_then])
        if matter == "resource":
            assert asked(world, keeper, free).is_success
        waits = {"Everlog-Min-Position": placed.headers["Everlog-Position"]}
        listed = world.ask("GET", f"/v1/privacy/holds?subject={keeper.id}", keeper.keys["Auditor"], headers=waits)
        assert [each["matter"] for each in listed.json()["items"]] == [matter]
        assert listed.json()["items"][0]["scope"].items() >= {k: v for k, v in scope.items() if k != "actor"}.items()
        lift(world, keeper, matter)
    assert asked(world, keeper, held).is_success
    standing = world.ask("GET", f"/v1/privacy/subjects/{held}/standing", keeper.keys["Auditor"]).json()
    assert (standing["erasable"], standing["holds"], standing["floor"]) == (True, [], None)
    trail = [each.type for each in world.logs.of(keeper.id).stream(f"privacy/{keeper.id}")]
    assert trail == ["privacy.hold-proposed", "privacy.hold-placed", "privacy.lift-proposed", "privacy.hold-lifted"] * 3


def test_a_hold_that_comes_before_the_key_goes_halts_what_was_approved(world, keeper, tmp_path):
    id = captured(world, keeper)
    log, work = world.logs.of(keeper.id), erasing(world, keeper.id, tmp_path)
    approved(world, keeper, id)
    hold(world, keeper, "suit", type="prospects.captured")
    path = f"/v1/privacy/erasures/{id}"

    def halted():
        work.advance()
        return [each.fact for each in log.stream(f"privacy/{id}") if isinstance(each.fact, ErasureHalted)]

    assert until(halted) == [ErasureHalted(("suit",))]
    assert until(lambda: world.ask("GET", path, keeper.keys["Auditor"]).json()["stage"] == "halted")
    assert world.ask("GET", path, keeper.keys["Auditor"]).json()["halted_by"] == ["suit"]
    assert world.ask("GET", f"/v1/prospects/{id}", keeper.keys["Admin"]).json()["name"] == "Ada Lovelace"
    assert work.advance() == 0
    lift(world, keeper, "suit")
    assert world.ask("POST", f"{path}/approval", keeper.keys["Second"], json={}).is_success
    assert until(work.advance), "the control: it is done once nothing is held"
    assert world.ask("GET", f"/v1/prospects/{id}", keeper.keys["Admin"]).json()["erased"]


def test_the_floor_keeps_what_is_young(world, keeper):
    id = captured(world, keeper)
    path, approval = "/v1/privacy/floor", "/v1/privacy/floor/approval"
    assert world.ask("POST", path, keeper.keys["Admin"], json={"days": 30}).is_success
    assert asked(world, keeper, captured(world, keeper)).is_success, "the control: it is only proposed"
    assert world.ask("POST", approval, keeper.keys["Second"], json={"days": 30}).is_success
    refused = asked(world, keeper, id)
    assert code(refused) == (409, "privacy.floor")
    until_then = datetime.fromisoformat(refused.json()["details"]["until"])
    assert timedelta(days=29) < until_then - datetime.now(UTC) <= timedelta(days=30)
    standing = world.ask("GET", f"/v1/privacy/subjects/{id}/standing", keeper.keys["Auditor"]).json()
    assert (standing["floor_days"], standing["erasable"]) == (30, False)
    assert datetime.fromisoformat(standing["floor"]) == until_then
    assert asked(world, keeper, id, basis="legal-obligation").is_success, "the law says that it has to go"
    other = captured(world, keeper)
    assert world.ask("POST", path, keeper.keys["Admin"], json={"days": 0}).json()["facts"] == ["privacy.floor-proposed"]
    assert code(asked(world, keeper, other)) == (409, "privacy.floor"), "one alone does not lower it"
    assert code(world.ask("POST", approval, keeper.keys["Admin"], json={"days": 0})) == (409, "privacy.four-eyes")
    assert world.ask("POST", approval, keeper.keys["Second"], json={"days": 0}).is_success
    assert asked(world, keeper, other).is_success


def test_a_hold_on_nothing_is_refused_and_one_of_another_organisation_holds_nobody(world, keeper, other):
    answer = world.ask("POST", "/v1/privacy/holds", keeper.keys["Admin"], json={"matter": "suit"})
    assert code(answer) == (422, "privacy.hold-empty")
    if "Second" not in other.keys:
        world.key(other, "Admin", "Second")
    hold(world, other, "theirs", before="2099-01-01T00:00:00Z")
    assert asked(world, keeper, captured(world, keeper)).is_success
    assert code(asked(world, other, UUID(captured(world, other)))) == (409, "privacy.held")
    lift(world, other, "theirs")

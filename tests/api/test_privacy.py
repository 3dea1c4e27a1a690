"""Erasure and holds over HTTP, carried out by what a worker runs, on real servers."""

from uuid import UUID, uuid4

import pytest

from adapters.erasures import Erasures
from adapters.ledger import Ledger
from adapters.postgres.views import Views
from adapters.privacy import Remains
from application.privacy import Erasing
from domain.kernel import Erased
from tests.api.world import DECIDERS
from tests.waiting import until

BASIS = {"basis": "objection", "reference": "DSR-1", "reason": "She asked."}


@pytest.fixture
def two(world, acme):
    """Two Admins."""
    if "Second" not in acme.keys:
        world.key(acme, "Admin", "Second")
    return acme.keys["Admin"], acme.keys["Second"]


def capture(world, key):
    person = {"name": "Ada Lovelace", "email": f"{uuid4()}@example.org"}
    done = world.ask("POST", "/v1/prospects", key, json=person)
    return done.json()["id"], person


def erasing(world, tenant, folder):
    class Keys:
        def forget(self, tenant, subjects):
            world.logs.rings.of(tenant).forget(subjects)

    views = Views(tenant, world.keeper, world.logs.of(tenant))
    destroying = Erasures(world.keeper, Ledger(folder), Keys())
    return Erasing(world.logs.of(tenant), Remains(views, world.keeper, destroying, world.models, DECIDERS))


def code(answer):
    return answer.status_code, answer.json().get("code")


def found(world, key, email):
    return len(world.ask("POST", "/v1/prospects/find", key, json={"email": email}).json()["items"])


def test_two_people_erase_one_and_nobody_else(world, acme, two, tmp_path):
    ada, bob = two
    (id, person), (other, neighbour) = capture(world, ada), capture(world, ada)
    path = f"/v1/privacy/erasures/{id}"
    assert world.ask("POST", path, ada, json=BASIS).status_code == 200
    assert code(world.ask("POST", f"{path}/approval", ada, json={})) == (409, "privacy.four-eyes")
    done = world.ask("POST", f"{path}/approval", bob, json={})
    waits = {"Everlog-Min-Position": done.headers["Everlog-Position"]}
    assert world.ask("GET", path, ada, headers=waits).json()["stage"] == "approved"
    assert found(world, ada, person["email"]) == 1, "the control: it is there, and can be looked up"
    work = erasing(world, acme.id, tmp_path)
    assert until(work.advance)
    assert until(lambda: world.ask("GET", path, ada).json()["stage"] == "erased")
    shown = world.ask("GET", path, ada).json()
    assert shown["erased"] == ["reason"]
    assert (shown["reservations"], shown["tokens"], shown["reference"]) == (1, 1, "DSR-1")
    assert "name" in world.ask("GET", f"/v1/prospects/{id}", ada).json()["erased"]
    assert found(world, ada, person["email"]) == 0
    assert world.ask("GET", f"/v1/prospects/{other}", ada).json()["name"] == "Ada Lovelace"
    assert found(world, ada, neighbour["email"]) == 1
    assert code(world.ask("POST", path, ada, json=BASIS)) == (410, "subject.erased")
    assert work.advance() == 0
    assert world.ask("POST", "/v1/prospects", ada, json=person).status_code == 201, "the address is free again"


def test_what_was_cut_short_is_finished_by_another(world, acme, two, tmp_path):
    ada, bob = two
    id, _ = capture(world, ada)
    path = f"/v1/privacy/erasures/{id}"
    world.ask("POST", path, ada, json=BASIS)
    world.ask("POST", f"{path}/approval", bob, json={})
    # The key went, and then the process did.
    Erasures(world.keeper, Ledger(tmp_path)).erase(acme.id, [UUID(id)])
    assert until(erasing(world, acme.id, tmp_path).advance)
    assert len(Ledger(tmp_path).read()) == 1, "nobody is erased twice"
    [*_, last] = world.logs.of(acme.id).stream(f"privacy/{id}")
    assert last.type == "privacy.erasure-certified"
    reason = next(world.logs.of(acme.id).stream(f"privacy/{id}")).fact.reason
    world.logs.rings.of(acme.id).forget([UUID(id)])
    assert isinstance(world.logs.of(acme.id).open(reason), Erased)


def test_a_hold_refuses(world, two):
    ada, bob = two
    id, _ = capture(world, ada)
    hold, path = f"/v1/privacy/holds/{id}", f"/v1/privacy/erasures/{id}"
    suit = {"matter": "suit"}
    assert world.ask("POST", path, ada, json=BASIS).status_code == 200
    assert world.ask("POST", hold, ada, json=suit).status_code == 200
    assert code(world.ask("POST", f"{hold}/placement", ada, json=suit)) == (409, "privacy.four-eyes")
    placed = world.ask("POST", f"{hold}/placement", bob, json=suit)
    refused = world.ask("POST", f"{path}/approval", bob, json={})
    assert code(refused) == (409, "privacy.held")
    assert refused.json()["details"] == {"matters": ["suit"]}
    waits = {"Everlog-Min-Position": placed.headers["Everlog-Position"]}
    [held] = world.ask("GET", f"/v1/privacy/holds?subject={id}", ada, headers=waits).json()["items"]
    assert (held["stage"], held["matter"]) == ("placed", "suit")
    assert world.ask("POST", f"{hold}/lift", bob, json=suit).status_code == 200
    assert world.ask("POST", f"{hold}/lift/approval", ada, json=suit).status_code == 200
    assert world.ask("POST", f"{path}/approval", bob, json={}).status_code == 200

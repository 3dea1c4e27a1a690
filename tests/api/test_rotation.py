"""An Admin has the organisation's keys rotated before their time, and sees what became of them."""

from functools import partial

import pytest

from adapters.keyring import Custody
from adapters.keyring.uses import Untold, Uses
from application.keys import EVERY, Keeping
from tests.waiting import until


class House:
    def __init__(self, world):
        self.world, self.tenant, self.now = world, world.tenant(), 0.0
        rings = world.logs.rings
        custody = Custody(world.keeper, rings.services, rings.of(self.tenant.id))
        untold = Untold(self.tenant.id, world.keeper)
        self.keeping = Keeping(self.tenant.id, world.logs.of(self.tenant.id), custody, untold, lambda: self.now)
        body = {"name": "Ada", "email": "ada@example.org", "industry": "looms"}
        self.ada = self.ask("POST", "/v1/prospects", "Admin", json=body).json()["id"]

    def ask(self, method, path, role, **named):
        return self.world.ask(method, path, self.tenant.keys[role], **named)

    def state(self):
        return self.ask("GET", "/v1/keys", "Admin").json()


@pytest.fixture
def house(world):
    return House(world)


def test_a_rotation_that_is_asked_for_does_not_wait_for_its_time(house):
    house.keeping.advance()
    house.now += 1
    assert house.keeping.advance() == 0, "the control: it is not time"
    before = house.state()
    assert (before["service"], before["asked"], before["destroyed"]) == ("", False, [])

    asked = house.ask("POST", "/v1/keys/rotation", "Admin", json={}).json()
    assert asked["facts"] == ["keys.rotation-asked"]
    assert house.ask("POST", "/v1/keys/rotation", "Admin", json={}).json()["facts"] == [], "once is enough"
    assert house.state()["asked"]

    assert house.keeping.advance() >= 1
    after = house.state()
    assert not after["asked"]
    [turned, *earlier] = after["rotations"]
    assert earlier == before["rotations"]
    assert turned["subjects"] >= 1
    assert turned["epoch"] > max((each["epoch"] for each in earlier), default=0)
    house.world.logs.rings.forget()
    found = lambda: house.ask("GET", f"/v1/prospects/{house.ada}", "Admin").json()  # noqa: E731 - asked again and again
    assert until(lambda: found().get("email") == "ada@example.org"), "what lay under the old key opens"
    house.now += 1
    assert house.keeping.advance() == 0


def test_where_it_fails_it_is_not_tried_at_every_pass(house, monkeypatch):
    house.keeping.advance()
    house.ask("POST", "/v1/keys/rotation", "Admin", json={})
    tried = []

    def away(*, early):
        tried.append(early)
        raise OSError

    monkeypatch.setattr(house.keeping._keeper, "rotate", away)
    for seconds in (1, 1, 60):
        house.now += seconds
        try:
            house.keeping.advance()
        except OSError:
            continue
    assert tried == [True, True]


def test_it_takes_an_admin(house):
    for role in ("Auditor", "Manager", "Member"):
        assert house.ask("POST", "/v1/keys/rotation", role, json={}).status_code == 403
        assert house.ask("GET", "/v1/keys", role).status_code == 403


def told(house):
    return house.ask("GET", "/v1/audit", "Admin", params={"type": "keys.used"}).json()["items"]


def test_the_trail_tells_which_process_had_the_keys_opened(house, monkeypatch):
    process = Uses(house.world.keeper, "api")
    process.note(house.tenant.id, own=False, opened=3)
    house.keeping.advance()
    assert told(house) == [], "the control: its hour is not over"
    at_any_age = partial(house.keeping._untold.claim, 0.0)
    monkeypatch.setattr(house.keeping._untold, "claim", lambda _: at_any_age())
    house.now += EVERY
    house.keeping.advance()
    [item] = until(lambda: told(house))
    [use] = house.ask("GET", f"/v1/audit/{item['position']}", "Admin").json()["fact"]["uses"]
    assert (use["program"], use["process"], use["opened"]) == ("api", str(process.process), 3)

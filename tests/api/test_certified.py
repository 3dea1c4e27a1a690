"""What a certificate counts: every event about the person, and the snapshots of what is about them."""

from uuid import UUID

import pytest

from adapters.log.states import EVERY
from tests.api.erasures import approved, erasing, finished
from tests.api.test_privacy import capture
from tests.waiting import until

SNAPSHOTS = "select stream from everlog.snapshots where tenant_id = %s"


@pytest.fixture
def house(world):
    return world.tenant()


def run(world, house, *commands):
    answer = world.ask("POST", "/v1/commands", house.keys["Admin"], json={"commands": commands})
    assert {each["status"] for each in answer.json()["results"]} == {201}, answer.text


def kept(world, house):
    return {stream for (stream,) in world.keeper.query(house.id, SNAPSHOTS, [house.id])}


def certified(world, house, id, folder):
    approved(world, house, id)
    work = erasing(world, house.id, folder)
    assert until(lambda: finished(world, house.id, work, id))
    return [*world.logs.of(house.id).stream(f"privacy/{id}")][-1]


def test_it_counts_the_events_that_name_nobody_and_are_about_the_person(world, house, tmp_path):
    id, _ = capture(world, house.keys["Admin"])
    capture(world, house.keys["Admin"])
    won = {"command": "prospects.win", "id": id, "value": 100, "currency": "EUR"}
    run(world, house, {"command": "prospects.move", "id": id, "stage": "met"}, won)
    log = world.logs.of(house.id)
    own = [*log.stream(f"prospects/{id}")]
    naming = [each for each in own if UUID(id) in each.meta.subjects]
    assert (len(own), len(naming)) == (3, 1), "the control: a move and a win name nobody"
    certificate = certified(world, house, id, tmp_path)
    privacy = [each for each in log.stream(f"privacy/{id}") if each.position < certificate.position]
    assert certificate.fact.events == len(own) + len(privacy)


def test_the_snapshots_of_the_person_go_and_those_of_others_stay(world, house, tmp_path):
    people = [capture(world, house.keys["Admin"])[0] for _ in range(2)]
    for id in people:
        run(world, house, *({"command": "prospects.note", "id": id, "text": f"{n}"} for n in range(EVERY)))
        run(world, house, {"command": "prospects.move", "id": id, "stage": "met"})
    gone, stays = (f"prospects/{id}" for id in people)
    assert until(lambda: kept(world, house) >= {gone, stays}), "the control: there is something to take away"
    assert certified(world, house, people[0], tmp_path).fact.snapshots == 1
    assert (gone in kept(world, house), stays in kept(world, house)) == (False, True)

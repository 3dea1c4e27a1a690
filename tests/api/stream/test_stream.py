"""The live stream, over both of its edges and through a real server: whole, in order, and only what one may see."""

import random
import threading

import pytest

from adapters.nats.wake import Wakes
from domain.kernel import Erased
from domain.prospects import Captured, Won
from tests.api.stream.conftest import House, answering, sealed
from tests.api.stream.followers import KINDS, facts, follow

both = pytest.mark.parametrize("kind", KINDS)


def positions(messages):
    return [message["position"] for message in messages]


@both
def test_it_begins_where_it_is_asked_to_and_goes_on(kind, house):
    key = house.key()
    house.capture(45)
    with follow(kind, house, key.text, after="1:0", capabilities="prospects") as messages:
        assert positions(facts(messages, 45)) == list(range(2, 47))
        house.capture(3)
        assert positions(facts(messages, 3)) == [47, 48, 49]


@both
def test_without_a_place_it_begins_now(kind, house):
    key = house.key()
    house.capture(5)
    with follow(kind, house, key.text) as messages:
        assert next(messages) == {"kind": "position", "id": "1:6"}
        house.capture()
        assert positions(facts(messages, 1)) == [7]


@both
def test_a_fact_says_what_was_recorded(kind, house):
    key = house.key("Member")
    house.append(Captured(sealed("Ada"), sealed("ada@example.org"), "engines", sealed([["size", 2.0]])))
    with follow(kind, house, key.text, after="1:1") as messages:
        [fact] = facts(messages, 1)
    recorded = house.log.facts[-1]
    assert fact.pop("at")
    assert fact.pop("kind") == "fact"
    assert fact == {
        "event": str(recorded.meta.event),
        "id": "1:2",
        "generation": 1,
        "position": 2,
        "type": "prospects.captured",
        "stream": recorded.stream,
        "version": 1,
        "actor": str(recorded.meta.actor),
        "data": {"name": "Ada", "email": "ada@example.org", "industry": "engines", "attributes": {"size": 2.0}},
        "withheld": [],
        "erased": [],
    }


@both
def test_persons_are_withheld_from_those_who_may_not_see_them(kind, house):
    key = house.key("Viewer")
    house.append(Captured(sealed("Ada"), Erased(), "engines"))
    with follow(kind, house, key.text, after="1:1") as messages:
        [fact] = facts(messages, 1)
    assert fact["data"] == {"name": None, "email": None, "industry": "engines", "attributes": None}
    assert (fact["withheld"], fact["erased"]) == (["attributes", "name"], ["email"])
    assert "box" not in str(fact)


@both
def test_a_capability_that_may_not_be_read_is_left_out_and_the_place_moves_on(kind, house):
    key = house.key("Viewer")
    house.key("Member")
    with follow(kind, house, key.text, after="1:0") as messages:
        assert next(messages) == {"kind": "position", "id": "1:2"}
        house.win()
        assert positions(facts(messages, 1)) == [3]


@both
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"types": "prospects.won"}, [3]),
        ({"types": "prospects.won,prospects.captured"}, [2, 3, 4]),
        ({"capabilities": "api_keys"}, [1]),
        ({"types": "nothing.like-this"}, []),
    ],
)
def test_it_can_be_filtered(kind, house, parameters, expected):
    key = house.key()
    house.capture()
    house.win()
    house.capture()
    with follow(kind, house, key.text, after="1:0", follow="false", **parameters) as messages:
        found = list(messages)
    assert positions(each for each in found if each["kind"] == "fact") == expected
    assert found[-1] == {"kind": "end", "code": "caught-up"}


@both
def test_one_resource_can_be_followed(kind, house):
    key = house.key()
    stream = house.win()
    house.win()
    house.append(Won("new", 1, "EUR"), stream=stream)
    with follow(kind, house, key.text, after="1:0", follow="false", resource=stream) as messages:
        assert positions(facts(messages, 9)) == [2, 4]


@both
def test_hanging_up_and_resuming_leaves_no_gap_and_repeats_nothing(kind, house):
    seed = 7
    dice = random.Random(seed)
    key = house.key()
    done = threading.Event()

    def fill():
        for _ in range(60):
            house.capture(dice.randrange(12))
        done.set()

    threading.Thread(target=fill).start()
    seen: list[int] = []
    last = "1:0"
    while not (done.is_set() and len(seen) == len(house.log.facts)):
        with follow(kind, house, key.text, after=last, follow="false") as messages:
            for message in messages:
                if message["kind"] == "fact":
                    seen.append(message["position"])
                last = message.get("id", last)
                if dice.random() < 0.02:
                    break
    assert seen == [each.position for each in house.log.facts], f"seed {seed}"


def test_a_restarted_server_goes_on_from_the_last_event_id():
    house = House()
    key = house.key()
    house.capture(30)
    with answering(house), follow("sse", house, key.text, after="1:0") as messages:
        seen = facts(messages, 17)
    house.capture(10)
    with answering(house), follow("sse", house, key.text, last_event_id=seen[-1]["id"]) as messages:
        seen += facts(messages, 24)
    assert positions(seen) == list(range(1, 42))


@both
def test_a_wake_up_is_enough(kind):
    with answering(House(poll=3600, check=3600)) as house:
        key = house.key()
        with follow(kind, house, key.text) as messages:
            next(messages)
            house.win()
            assert positions(facts(messages, 1)) == [2]


@both
def test_polling_is_enough(kind, house):
    key = house.key()
    house.wakes = Wakes()
    with follow(kind, house, key.text) as messages:
        next(messages)
        house.win()
        assert positions(facts(messages, 1)) == [2]


@both
@pytest.mark.parametrize("after", ["1:5", "2:2", "1:900"])
def test_a_place_that_the_log_does_not_have_is_told_and_all_is_sent_again(kind, house, after):
    key = house.key()
    house.win()
    house.win()
    with follow(kind, house, key.text, after=after) as messages:
        assert next(messages) == {"kind": "reset", "id": "1:0"}
        assert positions(facts(messages, 3)) == [1, 2, 3]


@both
def test_a_log_restored_under_a_follower_is_told(kind, house):
    key = house.key()
    for _ in range(9):
        house.win()
    with follow(kind, house, key.text, after="1:0") as messages:
        assert len(facts(messages, 10)) == 10
        house.log.facts = house.log.facts[:5]
        house.log.generation = 2
        house.win()
        told = next(message for message in messages if message["kind"] != "position")
        assert told == {"kind": "reset", "id": "2:0"}
        found = facts(messages, 6)
    assert [(each["generation"], each["position"]) for each in found] == [(1, n) for n in range(1, 6)] + [(2, 6)]


@both
def test_a_follower_from_before_the_cut_needs_no_reset(kind, house):
    key = house.key()
    for _ in range(9):
        house.win()
    house.log.facts = house.log.facts[:5]
    house.log.generation = 2
    house.win()
    with follow(kind, house, key.text, after="1:4") as messages:
        assert [each["id"] for each in facts(messages, 2)] == ["1:5", "2:6"]

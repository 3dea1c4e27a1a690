"""What may be done to a prospect, and what is then true."""

import pytest

from domain.prospects import (
    Captured,
    Lost,
    Noted,
    Rectified,
    SignalObserved,
    StageMoved,
    Won,
    capture,
    lose,
    move,
    note,
    observe,
    prospects,
    rectify,
    win,
)
from tests.given import given

ada = Captured("Ada", "ada@example.org", "engines")
won = Won("new", 90000, "EUR")


def test_a_prospect_is_captured_with_its_numbers_by_name():
    given(prospects).when(capture, "Ada", "ada@example.org", "engines", {"b": 2.0, "a": 1.0}).then(
        Captured("Ada", "ada@example.org", "engines", (("a", 1.0), ("b", 2.0)))
    )


def test_capturing_twice_does_nothing():
    given(prospects, ada).when(capture, "Ada", "ada@example.org", "engines").then()


def test_capturing_another_under_the_same_id_is_refused():
    given(prospects, ada).when(capture, "Bob", "bob@example.org", "engines").refused("prospects.exists")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(number):
    given(prospects).when(capture, "Ada", "a@example.org", "", {"a": number}).refused("prospects.attribute-not-finite")


def test_a_signal_is_observed():
    given(prospects, ada).when(observe, "visit", 0.7, ["x"]).then(SignalObserved("visit", 0.7, ("x",)))


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_signal_out_of_range_is_refused(strength):
    given(prospects, ada).when(observe, "visit", strength).refused("prospects.strength-out-of-range")


def test_a_move_tells_where_from():
    given(prospects, ada, StageMoved("new", "met")).when(move, "offer").then(StageMoved("met", "offer"))


def test_a_move_to_where_it_stands_does_nothing():
    given(prospects, ada).when(move, "new").then()


@pytest.mark.parametrize("stage", ["won", "lost"])
def test_a_move_does_not_close(stage):
    given(prospects, ada).when(move, stage).refused("prospects.stage-closes")


def test_winning_twice_does_nothing():
    given(prospects, ada, won).when(win, 90000, "EUR").then()


def test_winning_for_another_value_is_refused():
    given(prospects, ada, won).when(win, 90001, "EUR").refused("prospects.closed")


def test_losing_twice_does_nothing():
    given(prospects, ada, Lost("new", "price")).when(lose, "price").then()


def test_what_is_won_is_not_lost():
    given(prospects, ada, won).when(lose, "price").refused("prospects.closed")


def test_a_note_may_follow_the_end():
    given(prospects, ada, won).when(note, "called back").then(Noted("called back"))


@pytest.mark.parametrize(
    ("decide", "args"),
    [(observe, ("visit", 0.5)), (move, ("met",)), (win, (1, "EUR")), (lose, ("price",)), (note, ("hm",))],
)
def test_nothing_is_done_to_nobody(decide, args):
    given(prospects).when(decide, *args).refused("prospects.unknown")


@pytest.mark.parametrize(("decide", "args"), [(observe, ("visit", 0.5)), (move, ("met",))])
def test_nothing_moves_after_the_end(decide, args):
    given(prospects, ada, won).when(decide, *args).refused("prospects.closed")


def right(decide=rectify, **given):
    return lambda state: decide(state, **given)


def test_what_is_wrong_is_corrected_and_the_rest_stays():
    corrected = Rectified("Ada King", "ada@example.org", "engines", (), "She married.")
    given(prospects, ada).when(right(name="Ada King", reason="She married.")).then(corrected)
    given(prospects, ada, corrected).when(right(name="Ada King")).then()
    given(prospects, ada, won).when(right(attributes={"b": 1.0, "a": 2.0})).then(
        Rectified("Ada", "ada@example.org", "engines", (("a", 2.0), ("b", 1.0)))
    )
    given(prospects).when(right(name="Ada King")).refused("prospects.unknown")
    given(prospects, ada).when(right(attributes={"a": float("inf")})).refused("prospects.attribute-not-finite")

import random

import pytest
from msgspec.structs import replace

from projections.predictions.conformal import Conformal
from projections.predictions.definition import Definition

definition = Definition("test", (), "online")


def covered(chance, seed, count=4000):
    """How often the set holds what came, where the model says `chance(p)` for what happens with probability p."""
    conformal, dice, hits = Conformal(definition), random.Random(seed), 0
    for _ in range(count):
        truth = dice.random()
        said, won = chance(truth), dice.random() < truth
        likely = conformal.sets(said)
        hit = ("won" if won else "lost") in likely
        hits += hit
        conformal.learn(1 - said if won else said, missed=not hit)
    return hits / count


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "chance", [lambda p: p, lambda p: 0.5 + (p - 0.5) / 9, lambda p: min(max(2 * p - 0.5, 0.01), 0.99)]
)
def test_nine_sets_in_ten_hold_the_outcome_whether_the_model_is_right_timid_or_bold(chance, seed):
    assert 0.88 <= covered(chance, seed) <= 0.92


def test_a_set_before_any_label_holds_everything():
    assert Conformal(definition).sets(0.3) == ("lost", "won")


def test_a_set_is_never_empty():
    conformal = Conformal(definition)
    for _ in range(500):
        conformal.learn(0.01, missed=False)
    assert conformal.sets(0.6) == ("won",)
    assert conformal.sets(0.4) == ("lost",)


def after_a_break(definition, seed=1, count=3000):
    """Coverage once a good model has turned into one that is wrong more often than right."""
    conformal, dice, hits = Conformal(definition), random.Random(seed), 0
    for number in range(2 * count):
        truth = dice.random()
        said, won = truth if number < count else 1 - truth, dice.random() < truth
        hit = ("won" if won else "lost") in conformal.sets(said)
        hits += hit and number >= count
        conformal.learn(1 - said if won else said, missed=not hit)
    return hits / count


def test_sets_follow_a_world_that_changed():
    assert after_a_break(definition) >= 0.88


def test_without_following_what_was_missed_they_do_not():
    assert after_a_break(replace(definition, pace=0.0, calibration=100_000)) < 0.85

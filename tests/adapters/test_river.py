import pytest

from adapters.river import LastLabel, Logistic, Plain
from domain.predictions import Features
from tests.grants import applications


def features(row):
    return Features(tuple(sorted(row.attributes.items())), row.codes)


@pytest.fixture(scope="module")
def rows():
    return applications(400)


def taught(member, rows):
    for row in rows:
        member.learn(features(row), row.won)
    return member


@pytest.mark.parametrize("member", [Logistic(0.2), Plain()], ids=["logistic", "plain"])
def test_contributions_add_up_to_the_score_but_for_the_intercept(member, rows):
    taught(member, rows)
    rests = [member.score(features(row)) - sum(member.explain(features(row)).values()) for row in rows[:50]]
    assert rests == pytest.approx([member._model.intercept] * 50)


def test_one_bit_of_one_weight_shows_in_every_digest_after_the_next_label_it_speaks_on(rows):
    member, other = taught(Logistic(0.2), rows[:200]), taught(Logistic(0.2), rows[:200])
    assert member.digest() == other.digest()
    other._model._weights["num_ci"] *= 1 + 2**-52
    assert taught(member, rows[200:]).digest() != taught(other, rows[200:]).digest()


def test_the_order_of_labels_shows_in_the_digest(rows):
    assert taught(Logistic(0.2), rows).digest() != taught(Logistic(0.2), rows[::-1]).digest()


def test_the_leak_control_repeats_what_came_last(rows):
    control = LastLabel()
    assert control.score(features(rows[0])) == 0
    control.learn(features(rows[0]), won=True)
    assert control.score(features(rows[1])) > 0
    control.learn(features(rows[0]), won=False)
    assert control.score(features(rows[1])) < 0

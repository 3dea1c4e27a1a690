import pytest

from adapters.sklearn.linear import Linear
from domain.predictions import Features


def taught(count):
    challenger = Linear(0.3)
    for number in range(count):
        challenger.observe(Features((("x", number % 7),), (f"code:{number % 3}",)), won=number % 7 > 3)
    return challenger


def test_contributions_add_up_to_the_score():
    fitted = taught(100).fit(100)
    seen = Features((("x", 5.0),), ("code:1",))
    assert fitted.score(seen) == sum(fitted.explain(seen).values()) + fitted._intercept
    assert fitted.score(seen) > 0 > fitted.score(Features((("x", 1.0),), ("code:1",)))


def test_names_met_after_the_fit_say_nothing():
    challenger = taught(100)
    fitted = challenger.fit(100)
    before = fitted.score(Features((("x", 5.0), ("y", 3.0))))
    challenger.observe(Features((("y", 3.0),)), won=False)
    assert fitted.score(Features((("x", 5.0), ("y", 3.0)))) == before


def test_a_fit_sees_the_labels_it_was_asked_for():
    assert taught(100).fit(60).digest() == taught(60).fit(60).digest() != taught(61).fit(61).digest()


@pytest.mark.parametrize("won", [True, False])
def test_one_outcome_only_teaches_nothing(won):
    challenger = Linear(0.3)
    for _ in range(9):
        challenger.observe(Features((("x", 1.0),)), won=won)
    assert challenger.fit(9) is None

from projections.predictions.contest import Contest
from projections.predictions.definition import Candidate, Definition

definition = Definition(
    "test",
    (
        Candidate("a", (("a", 1.0),)),
        Candidate("b", (("b", 1.0),)),
        Candidate("oracle", (("c", 1.0),), reference=True),
    ),
    "a",
)


def learn(contest, labels, **said):
    return [standings for _ in range(labels) if (standings := contest.learn(said, won=True))]


def test_the_better_candidate_takes_over_once_it_was_compared_often_enough():
    contest = Contest(definition)
    assert learn(contest, 99, a=0.6, b=0.8) == []
    assert contest.champion == "a"
    ((first, second),) = learn(contest, 1, a=0.6, b=0.8)
    assert contest.champion == "b"
    assert (first.candidate, second.candidate) == ("a", "b")
    assert first.loss > second.loss


def test_a_candidate_that_is_no_better_by_the_margin_does_not_take_over():
    contest = Contest(definition)
    assert learn(contest, 500, a=0.6, b=0.602) == []
    assert contest.champion == "a"


def test_a_reference_never_predicts():
    contest = Contest(definition)
    learn(contest, 500, a=0.6, b=0.5, oracle=0.99)
    assert contest.champion == "a"


def test_a_candidate_is_compared_on_the_labels_it_spoke_on():
    contest = Contest(definition)
    learn(contest, 300, a=0.1)
    learn(contest, 100, a=0.9, b=0.8)
    assert contest.champion == "a"

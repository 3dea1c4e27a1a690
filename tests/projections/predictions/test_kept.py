"""A model stands again where it stood, by what was kept of it and the log's own facts; with the real members."""

from uuid import UUID

import pytest

from adapters.learning import Libraries
from application.predictions import recompute_near
from domain.predictions import Made, stream
from projections.predictions.definition import conversion
from projections.predictions.kept import Adopted, Incomplete, Lesson, Point, Stand
from projections.predictions.learner import Learner
from tests.grants import applications, log

COUNT = 900


def fresh():
    return Learner(conversion, Libraries())


class Told:
    """A log folded once, with what its model made and noted of it."""

    def __init__(self):
        self.log = list(log(applications(COUNT)))
        learner = fresh()
        assert learner.noted() == []
        self.made = [fact for fact in learner.fold(self.log) if isinstance(fact, Made)]
        self.notes = learner.noted()
        self.by = {UUID(stream(each).partition("/")[2]): each for each in self.made}

    def point(self, position):
        notes = [each for each in self.notes if each.position <= position]
        stand = next((each for each in reversed(notes) if isinstance(each, Stand)), None)
        since = stand.position if stand else 0
        lessons = [each for each in notes if isinstance(each, Lesson) and each.position > since]
        adopted = {each.challenger: each for each in notes if isinstance(each, Adopted)}
        taught = tuple((each, self.by[each.prediction]) for each in lessons)
        return Point(position, stand, taught, tuple(adopted.values()), None)

    def again(self, made, point=None):
        learner = fresh()
        learner.stand(point or self.point(made.position))
        return recompute_near(made, [each for each in self.log if each.id == made.prospect], learner)


@pytest.fixture(scope="module")
def told():
    return Told()


def test_there_are_states_and_fits_to_stand_on(told):
    assert sum(isinstance(each, Stand) for each in told.notes) >= 2
    assert {each.challenger for each in told.notes if isinstance(each, Adopted)} == {"boosting", "linear"}
    assert any(each.champion != conversion.champion for each in told.notes if isinstance(each, Lesson))


def test_every_prediction_comes_out_again_bit_for_bit(told):
    for made in told.made[::37]:
        answer = told.again(made)
        assert (answer.verdict, answer.differing) == ("equal", ()), made.number


def test_a_prediction_that_somebody_asked_for_comes_out_again(told):
    learner = fresh()
    learner.fold(told.log[:-60])
    made = learner.score(told.log[-61].id, list)
    assert told.again(made).verdict == "equal"


@pytest.mark.parametrize("lost", ["label", "turned", "fit", "state"])
def test_what_was_kept_otherwise_does_not_come_out(told, lost):
    """The control: whatever is missing or altered of what was kept is seen in the digest."""
    made = told.made[700]
    point = told.point(made.position)
    lesson, of = point.lessons[-1]
    forged = {
        "label": Point(point.position, point.stand, point.lessons[:-1], point.adopted, None),
        "turned": Point(
            point.position,
            point.stand,
            (*point.lessons[:-1], (Lesson(lesson.position, lesson.prediction, not lesson.won, lesson.champion), of)),
            point.adopted,
            None,
        ),
        "fit": Point(point.position, point.stand, point.lessons, told.point(point.position // 2).adopted, None),
        "state": Point(point.position, None, point.lessons, point.adopted, None),
    }[lost]
    answer = told.again(made, forged)
    assert answer.verdict == "differs"
    assert "digest" in answer.differing


def test_without_the_champions_members_nobody_stands_there(told):
    point = told.point(told.made[700].position)
    with pytest.raises(Incomplete):
        fresh().stand(Point(point.position, point.stand, point.lessons, (), None))

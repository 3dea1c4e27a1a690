"""The fold itself, with members that are plain arithmetic."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import UUID

import pytest

from domain.kernel import Erased, Refused, Sealed
from domain.predictions import Features, Made, Promoted, Refitted
from domain.privacy import PROFILING, ConsentGiven, ConsentWithdrawn
from domain.prospects import Captured, Rectified, SignalObserved
from projections.predictions.learner import Learner
from tests.grants import outcome, recorded
from tests.projections.predictions.story import Arithmetic, Story, definition


def test_the_first_signal_brings_one_prediction():
    story = Story()
    assert story.capture(0) == []
    (made,) = story.signal(0)
    assert story.signal(0) == []
    assert isinstance(made, Made)
    assert (made.number, made.position, made.prospect, made.probability) == (1, 2, UUID(int=1), 0.5)
    assert made.features == Features((("signal:codes", 1.0), ("x", 1.0)), ("a:1",))


def test_an_outcome_is_learned_at_its_horizon_and_not_before():
    story = Story()
    for number in range(3):
        story.meet(number, won=True)
    assert story.engine.count.learned == []
    story.meet(3, won=True)
    assert [won for _, won in story.engine.count.learned] == [True]


def test_an_outcome_that_is_unknown_at_its_horizon_is_never_learned():
    story = Story()
    for number in range(4):
        story.meet(number, won=None if number == 0 else True)
    story.tell(0, outcome(won=True))
    for number in range(4, 10):
        story.meet(number, won=True)
    assert len(story.engine.count.learned) == 6


def test_what_is_learned_is_what_the_prediction_saw():
    story = Story()
    (made,) = story.meet(0)
    story.tell(0, SignalObserved("later", 0.3, ("b:2",)))
    story.tell(0, outcome(won=True))
    for number in range(1, 4):
        story.meet(number)
    assert story.engine.count.learned == [(made.features, True)]


def test_a_fit_is_used_after_so_many_captures_and_takes_over_when_it_proves_better():
    story = Story()
    for number in range(30):
        story.meet(number, won=number % 2 == 0)
    refits = [fact for fact in story.facts if isinstance(fact, Refitted)]
    (promoted,) = [fact for fact in story.facts if isinstance(fact, Promoted)]
    assert [(fact.number, fact.labels) for fact in refits if fact.labels < 12] == [(1, 4), (2, 8)]
    # Four labels are known at the 7th capture, the fit is used from the 9th on; a capture is three facts here.
    assert (refits[0].fitted, refits[0].position) == (19, 25)
    assert (promoted.left, promoted.entered) == ("online", "fitted")
    before = [fact.champion for fact in story.facts if isinstance(fact, Made) and fact.position < promoted.position]
    after = [fact.champion for fact in story.facts if isinstance(fact, Made) and fact.position > promoted.position]
    assert (set(before), set(after)) == ({"online"}, {"fitted"})


def test_fits_beside_the_fold_change_nothing():
    gate = Event()
    with ThreadPoolExecutor(1) as executor:
        beside = Story(Arithmetic(gate), executor)
        for number in range(7):
            beside.meet(number, won=number % 2 == 0)
        assert beside.engine.fitting.fits == []
        gate.set()
        for number in range(7, 30):
            beside.meet(number, won=number % 2 == 0)
    inside = Story()
    for number in range(30):
        inside.meet(number, won=number % 2 == 0)
    assert beside.facts == inside.facts


def test_scoring_answers_while_a_late_fit_is_waited_for():
    gate = Event()
    with ThreadPoolExecutor(2) as executor:
        story = Story(Arithmetic(gate), executor)
        for number in range(8):
            story.meet(number, won=None if number == 7 else number % 2 == 0)
        waiting = executor.submit(story.capture, 8)
        assert story.score(8).refits == ()
        assert not waiting.done()
        gate.set()
        (refitted,) = waiting.result(20)
    assert isinstance(refitted, Refitted)


def test_an_erased_person_is_not_learned_from_and_shifts_nobody():
    story, whole = Story(), Story()
    for number in range(8):
        whole.meet(number, won=True)
        if number == 2:
            story.tell(number, Captured(Erased(), Erased(), "", Erased()))
            story.signal(number)
            story.tell(number, outcome(won=True))
        else:
            story.meet(number, won=True)
    assert story.learner.erased_at == 7
    assert len(story.engine.count.learned) == len(whole.engine.count.learned) - 1
    numbers = [fact.number for fact in story.facts if isinstance(fact, Made)]
    assert numbers == [1, 2, 4, 5, 6, 7, 8]


def test_only_an_open_prospect_is_scored():
    story = Story()
    story.meet(0)
    assert story.score(1).number == 0
    story.tell(0, outcome(won=True))
    for unknown in (1, 99):
        with pytest.raises(Refused):
            story.score(unknown)


def test_a_prospect_open_beyond_its_horizon_can_still_be_scored():
    """By its own facts, up to where the learner has come: it is not remembered."""
    story = Story()
    for number in range(9):
        story.meet(number)
    assert story.learner._known.keys() == {UUID(int=number) for number in (7, 8, 9)}
    first = story.score(1)
    assert (first.number, first.features) == (0, story.facts[0].features)
    story.tell(0, SignalObserved("later", 0.3, ("b:2",)))
    later = story.score(1)
    assert later.features.codes == ("a:1", "b:2")
    ahead = recorded(story.position + 1, 0, SignalObserved("ahead", 0.3, ("c:3",)))
    assert story.learner.score(UUID(int=1), lambda: [*story.of(1), ahead]) == later
    story.tell(0, outcome(won=True))
    with pytest.raises(Refused):
        story.score(1)


def test_the_first_signal_beyond_the_horizon_brings_a_prediction_of_whom_little_was_remembered():
    story = Story()
    for number in range(2):
        story.capture(number)
    for number in range(2, 9):
        story.meet(number)
    assert story.learner._known.keys() == {UUID(int=number) for number in (7, 8, 9)}
    story.tell(0, Rectified("Ada", "a@example.org", "looms", (("x", 3.0),)))
    again = Learner(definition, story.engine)
    again.load(story.learner.dump())
    (made,) = story.signal(0)
    assert made.features == Features((("signal:codes", 1.0), ("x", 3.0)), ("a:1", "industry:looms"))
    assert (made.number, story.signal(0)) == (8, [])
    assert again.step(recorded(made.position, 0, SignalObserved("codes", 1.0, ("a:1",)))) == [made]
    # Whose outcome came before their first signal is as one of whom nothing is known.
    story.tell(1, outcome(won=True))
    assert story.signal(1) == []
    assert story.learner._known.keys() == {UUID(int=number) for number in (7, 8, 9)}


def test_sealed_facts_are_refused():
    sealed = Sealed(UUID(int=1), "x", b"")
    with pytest.raises(TypeError, match="opened"):
        Story().tell(0, Captured(sealed, sealed, "", sealed))


BY = UUID(int=99)


def test_who_withdraws_consent_is_neither_predicted_nor_learned():
    story = Story()
    story.meet(0, won=True)
    story.capture(1)
    story.tell(0, ConsentWithdrawn(BY, PROFILING))
    story.tell(1, ConsentWithdrawn(BY, PROFILING))
    assert story.signal(1) == []
    with pytest.raises(Refused) as refused:
        story.score(2)
    assert refused.value.code == "predictions.consent-withdrawn"
    for number in (2, 3, 4):
        story.meet(number, won=True)
    assert story.engine.count.learned == [], "the first's horizon is over, and nothing was learned of it"
    story.meet(5, won=True)
    assert len(story.engine.count.learned) == 1, "the control: the next is learned"
    story.tell(1, ConsentGiven(BY, PROFILING))
    assert story.score(2).prospect == UUID(int=2)


def test_consent_to_something_else_changes_nothing():
    story = Story()
    story.tell(0, ConsentWithdrawn(BY, "newsletter"))
    assert len(story.meet(0)) == 1


def test_what_is_rectified_is_what_is_predicted_from():
    story = Story()
    story.capture(0, x=1.0)
    story.tell(0, Rectified("Ada", "a@example.org", "engines", (("y", 2.0),)))
    (made,) = story.signal(0)
    assert made.features == Features((("signal:codes", 1.0), ("y", 2.0)), ("a:1", "industry:engines"))
    story.tell(0, Rectified("Ada", "a@example.org", "", (("y", 3.0),)))
    assert story.score(1).features == Features((("signal:codes", 1.0), ("y", 3.0)), ("a:1",))
    story.tell(1, Rectified("Bob", "b@example.org", "", ()))
    story.tell(0, Rectified("Ada", "a@example.org", "", Erased()))
    with pytest.raises(Refused):
        story.score(1)

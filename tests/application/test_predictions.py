from uuid import UUID

import pytest
from msgspec.structs import replace

from adapters.learning import Libraries
from application.predictions import Reaction, emit, recompute
from domain.kernel import Erased
from domain.predictions import Facts, Made, Refitted, predictions, record
from domain.prospects import Captured
from projections.predictions.definition import conversion
from projections.predictions.learner import Learner
from tests.grants import applications, log, recorded

COUNT = 300


def fresh():
    return Learner(conversion, Libraries())


def reaction(facts):
    reaction = Reaction(fresh())
    for each in facts:
        reaction.step(each)
    return reaction


def held(emission, position):
    """What the log holds once an emission was appended."""
    return replace(
        recorded(position, 0, emission.fact, emission.expected + 1), stream=emission.stream, told=emission.meta
    )


@pytest.fixture(scope="module")
def story():
    return list(log(applications(COUNT)))


@pytest.fixture(scope="module")
def due(story):
    return reaction(story).due()


@pytest.fixture(scope="module")
def mades(due):
    return [emission.fact for emission in due if isinstance(emission.fact, Made)]


def test_each_capture_brings_one_prediction_and_refits_are_told(due, mades):
    assert [made.number for made in mades] == list(range(1, COUNT + 1))
    assert any(isinstance(emission.fact, Refitted) for emission in due)
    assert len({emission.meta.event for emission in due}) == len(due)


def test_emissions_fit_their_streams_one_after_the_other(due):
    streams: dict[str, list[Facts]] = {}
    for emission in due:
        facts = streams.setdefault(emission.stream, [])
        assert emission.expected == len(facts)
        assert record(predictions.fold(facts), emission.fact) == [emission.fact]
        facts.append(emission.fact)


def test_what_the_log_holds_is_not_due_again(story, due):
    """As after a crash: some of what was due was appended, some was not."""
    appended = due[:100] + due[150:200]
    end = story[-1].position
    again = reaction([*story, *(held(emission, end + n) for n, emission in enumerate(appended, 1))])
    assert again.due() == due[100:150] + due[200:]


def test_everything_held_leaves_nothing_due(story, due):
    end = story[-1].position
    assert reaction([*story, *(held(emission, end + n) for n, emission in enumerate(due, 1))]).due() == []


@pytest.mark.parametrize("number", [0, 180, COUNT - 1])
def test_a_prediction_is_made_again_bit_for_bit(story, mades, number):
    answer = recompute(mades[number], iter(story), fresh())
    assert (answer.verdict, answer.differing) == ("equal", ())


def test_a_prediction_somebody_asked_for_is_made_again_too(story):
    learner = fresh()
    learner.fold(story[:-60])
    made = learner.score(story[-61].id, list)
    assert made.number == 0
    assert recompute(made, story, fresh()).verdict == "equal"


@pytest.mark.parametrize(("field", "value"), [("probability", 0.25), ("digest", "0"), ("likely", ()), ("learned", 1)])
def test_a_prediction_that_was_tampered_with_differs(story, mades, field, value):
    answer = recompute(replace(mades[150], **{field: value}), story, fresh())
    assert (answer.verdict, answer.differing) == ("differs", (field,))


def test_one_of_another_build_is_no_alarm(story, mades):
    """Whether or not everything else comes out."""
    other = replace(mades[150], build="another")
    assert recompute(other, story, fresh()).verdict == "other-build"
    answer = recompute(replace(other, probability=0.25), story, fresh())
    assert (answer.verdict, answer.differing) == ("other-build", ("probability", "build"))


def test_the_last_bit_counts(story, mades):
    made = mades[150]
    answer = recompute(replace(made, probability=made.probability * (1 + 2**-52)), story, fresh())
    assert (answer.verdict, answer.differing) == ("differs", ("probability",))


def test_a_tampered_past_differs(story, mades):
    forged = [
        replace(each, fact=replace(each.fact, attributes=(("num_ci", 9.0),)))
        if isinstance(each.fact, Captured) and each.id == UUID(int=11)
        else each
        for each in story
    ]
    assert recompute(mades[250], forged, fresh()).verdict == "differs"
    assert recompute(mades[5], forged, fresh()).verdict == "equal"


def test_erasing_somebody_learned_from_supersedes(story, mades):
    erased = [
        replace(each, fact=replace(each.fact, name=Erased(), email=Erased(), attributes=Erased()))
        if isinstance(each.fact, Captured) and each.id == UUID(int=11)
        else each
        for each in story
    ]
    answer = recompute(mades[250], erased, fresh())
    assert (answer.verdict, answer.superseded_at) == ("superseded", erased[20].position)
    assert recompute(mades[50], erased, fresh()).verdict == "equal"


def test_a_prediction_of_somebody_erased_is_superseded(story, mades):
    made = replace(mades[10], features=Erased(), reasons=Erased())
    erased = [
        replace(each, fact=replace(each.fact, attributes=Erased())) if isinstance(each.fact, Captured) else each
        for each in story
    ]
    answer = recompute(made, erased, fresh())
    assert (answer.verdict, answer.again) == ("superseded", None)


def test_an_emission_names_its_cause(story, mades):
    emission = emit(mades[0], story[1])
    assert (emission.meta.causation, emission.meta.actor.kind) == (story[1].meta.event, "model")

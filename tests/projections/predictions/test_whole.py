"""A learner that is loaded from another's dump goes on as if it had folded the log itself; with the real members."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec import msgpack
from msgspec.structs import replace

from adapters.learning import Libraries
from projections.predictions.definition import conversion
from projections.predictions.kept import Whole
from projections.predictions.learner import Learner
from tests.grants import applications, log

COUNT = 900


def fresh(executor=None):
    return Learner(conversion, Libraries(), executor)


@pytest.fixture(scope="module")
def facts():
    return list(log(applications(COUNT)))


@pytest.fixture(scope="module")
def folded(facts):
    """What one learner comes to that folds everything, after each fact."""
    learner = fresh()
    return [(learner.step(each), learner.digest()) for each in facts], learner.dump()


def read(dumped):
    return msgpack.decode(dumped, type=Whole)


def begun(facts, cut):
    learner = fresh()
    learner.fold(facts[:cut])
    return learner.dump()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.31, 0.5, 0.77, 0.99])
def test_it_comes_to_the_same_bit_for_bit(facts, folded, share):
    cut = int(len(facts) * share)
    expected, end = folded
    learner = fresh()
    learner.load(begun(facts, cut))
    for each, (made, digest) in zip(facts[cut:], expected[cut:], strict=True):
        assert (learner.step(each), learner.digest()) == (made, digest)
    assert read(learner.dump()) == read(end)


def test_a_fit_that_was_under_way_is_begun_again(facts, folded):
    learner = fresh()
    cut = 0
    while not learner._fits._ahead:
        learner.step(facts[cut])
        cut += 1
    with ThreadPoolExecutor(1) as executor:
        other = fresh(executor)
        other.load(learner.dump())
        assert [made for each in facts[cut:] for made in other.step(each)] == [
            made for each, _ in folded[0][cut:] for made in each
        ]


@pytest.mark.parametrize("lost", ["known", "fits", "contest", "labels", "captures"])
def test_whatever_is_missing_of_it_is_seen_in_what_comes(facts, folded, lost):
    """The control."""
    cut = len(facts) // 2
    whole = read(begun(facts, cut))
    empty = read(begun(facts, 0))
    learner = fresh()
    learner.load(msgpack.encode(replace(whole, **{lost: getattr(empty, lost)})))
    expected = [made for each, _ in folded[0][cut:] for made in each]
    try:
        came = learner.fold(facts[cut:])
    except (KeyError, ValueError):
        return
    assert came != expected

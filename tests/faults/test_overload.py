"""The fault that `make faults` does with hundreds of connections; how much is done is measured and judged there."""

import os
import signal

import pytest
import uvloop

from tests.faults import load
from tests.faults.crew import manned
from tests.faults.load import Met
from tests.faults.overload import NAMES, Scale, as_before, endure, wrong
from tests.faults.trial import Trial


@pytest.mark.long
def test_beyond_what_can_be_done_nobody_is_answered_strangely(tmp_path, seed):
    found = endure(Trial(tmp_path, 1, seed), Scale(2, 2, 3, 100, least=0))
    assert [each for each in found.violations if not each.startswith("as before only")] == []
    assert found.acknowledged > 0


def test_too_little_and_strange_answers_are_seen():
    able = Met([(n / 10, 0.01, 201) for n in range(80)])
    half = Met([(n / 10, 0.01, 201 if n % 2 else 503) for n in range(80)])
    late = Met([(n / 10, 6.0, 201) for n in range(80)])
    scale = Scale()
    assert wrong(able, able, scale) == []
    assert wrong(able, half, scale)
    assert wrong(able, late, scale)
    assert wrong(able, Met([*able.answers, (1, 1, 500)]), scale) == ["answered with [500]"]
    assert wrong(able, Met(able.answers, waiting=[4.9]), scale) == []
    assert wrong(able, Met(able.answers, waiting=[4.9, 5.1]), scale) == ["1 were never answered"]


def test_an_api_that_hangs_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "GOOD", 1.0)
    with manned(tmp_path, NAMES[:1]) as all_of_it:
        asked = load.of(all_of_it.organisations(1), 0.5, 20, 4)
        os.kill(all_of_it.crew.pid(NAMES[0]), signal.SIGSTOP)
        try:
            hung = uvloop.run(load.meet(asked))
        finally:
            os.kill(all_of_it.crew.pid(NAMES[0]), signal.SIGCONT)
    assert (hung.answers, hung.unanswered) == ([], 4)
    assert "4 were never answered" in wrong(Met([(0.2, 0.1, 201)]), hung, Scale(seconds=0.5))


def test_it_is_as_before_once_all_are_served_and_not_half_as_long_again():
    able = Met([(n / 20, 0.01, 201) for n in range(20)])
    assert as_before(able, 0.015)
    assert not as_before(able, 0.009)
    assert not as_before(Met([*able.answers, (1, 0.01, 503)]), 0.015)
    assert not as_before(Met(able.answers, waiting=[11.0]), 0.015)

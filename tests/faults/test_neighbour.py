"""The fault that `make faults` measures in pairs: here others are served at all, whatever the one does."""

import pytest

from tests.faults.load import Met
from tests.faults.neighbour import MOST, Scale, endure, wrong
from tests.faults.trial import Trial


@pytest.mark.long
def test_others_are_served_whatever_one_does(tmp_path, seed):
    found = endure(Trial(tmp_path, 1, seed), Scale(seconds=1, rate=20, history=300, most=10_000))
    assert found.violations == []
    assert found.acknowledged > 0


def test_slower_reads_slower_writes_and_what_is_never_answered_are_seen():
    def met(write, read, **more):
        return Met([(n / 100, read if n % 2 else write, 200 if n % 2 else 201) for n in range(200)], **more)

    quiet = met(0.03, 0.03)
    assert wrong(quiet, met(0.04, 0.04), MOST) == []
    assert wrong(quiet, met(0.06, 0.04), MOST) == ["others waited 2.00 times as long for a write"]
    assert wrong(quiet, met(0.04, 0.06), MOST) == ["others waited 2.00 times as long for a read"]
    assert wrong(quiet, met(0.04, 0.04, waiting=[9.0]), MOST) == ["1 of others were never answered"]
    assert wrong(quiet, Met([*quiet.answers, (1, 0.01, 429)]), MOST) == ["others were answered with [429]"]

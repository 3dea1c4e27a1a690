"""The fault that `make faults` measures in pairs: here others are served at all, whatever the one does."""

import pytest

from tests.faults.neighbour import Scale, endure
from tests.faults.trial import Trial


@pytest.mark.long
def test_others_are_served_whatever_one_does(tmp_path, seed):
    found = endure(Trial(tmp_path, 1, seed), Scale(seconds=1, rate=10, history=300, most=10_000))
    assert found.violations == []
    assert found.acknowledged > 0

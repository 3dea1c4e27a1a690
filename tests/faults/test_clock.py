"""The jumps of clocks that `make faults` makes, one of them, in the long run."""

import pytest

from tests.faults.clock import endure
from tests.faults.trial import Trial


@pytest.mark.long
def test_a_clock_that_goes_back_a_day_loses_and_repeats_nothing(tmp_path, seed):
    found, _ = endure(Trial(tmp_path, 1, seed), [-86_400], 60)
    assert found.violations == []
    assert found.acknowledged == found.attempted > 0
    assert found.control_red

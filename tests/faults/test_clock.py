"""The jumps of clocks that `make faults` makes, two of them, in the long run."""

import pytest

from tests.faults.clock import endure
from tests.faults.trial import Trial


@pytest.mark.long
def test_a_log_that_was_in_the_next_day_goes_on_when_the_clock_is_in_the_last(tmp_path, seed):
    found, _ = endure(Trial(tmp_path, 2, seed), [86_400, -172_800], 60)
    assert found.violations == []
    assert found.acknowledged == found.attempted > 0
    assert found.control_red

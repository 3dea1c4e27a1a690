"""The fault that `make faults` does with thousands of events: two kinds of poison, parked, and applied after a fix."""

import pytest

from tests.faults.poison import ASIDE, Scale, endure
from tests.faults.trial import Trial


@pytest.mark.long
def test_poison_is_parked_and_applied_in_order_after_the_fix(tmp_path, seed):
    found = endure(Trial(tmp_path, 1, seed), Scale(events=400, every=100, bulk=100, pause=0.1), most=1000)
    assert found.violations == []
    assert found.notes["parked"] == 4 * ASIDE
    assert found.acknowledged == found.attempted > 0
    assert found.control_red

"""The fault that `make faults` does fifty times, three times at each commit."""

from tests.faults.kills import endure
from tests.faults.trial import Trial


def test_three_kills_lose_and_repeat_nothing(tmp_path, seed):
    found = endure(Trial(tmp_path, 3, seed), ["api", "views", "postgres"], 120)
    assert found.violations == []
    assert found.acknowledged == found.attempted > 0
    assert found.control_red

"""The fault that `make faults` does for minutes and `make faults-long` for two hours, for a few seconds."""

import pytest

from tests.faults.soak import Look, endure, grown
from tests.faults.trial import Trial


@pytest.mark.long
def test_a_few_seconds_of_traffic_leave_no_files_open(tmp_path, seed):
    found = endure(Trial(tmp_path, 1, seed), 4)
    assert [each for each in found.violations if "files" in each] == []
    assert found.acknowledged > 0


def test_what_grows_is_seen_and_what_only_warms_up_is_not():
    flat = [Look(100e6, 20)] * 30
    warm = [Look(20e6, 5)] * 4 + flat
    leak = [Look(100e6 + n * 10e6, 20) for n in range(30)]
    files = [Look(100e6, 20 + n) for n in range(30)]
    assert (grown(flat), grown(warm)) == ([], [])
    assert grown(leak)
    assert grown(files)

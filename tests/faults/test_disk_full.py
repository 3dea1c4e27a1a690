"""The full disks that `make faults` makes, one at each commit."""

import pytest

from tests.faults.disk.drive import Missing, needed
from tests.faults.disk_full import NO_ROOM, endure
from tests.faults.trial import Trial


@pytest.mark.long
def test_a_full_disk_is_told_and_all_goes_on_when_there_is_room(tmp_path, seed):
    try:
        needed()
    except Missing as missing:
        pytest.skip(str(missing))
    found, _ = endure(Trial(tmp_path, 1, seed), ["tables"], 60)
    assert found.violations == []
    assert found.acknowledged == found.attempted > 0
    assert NO_ROOM[-1] in str(found.notes["the probe was answered"])
    assert found.control_red

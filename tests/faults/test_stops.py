"""Workers and a relay, stopped until others have taken over; `make faults` stops them for half a minute each time."""

import pytest

from tests.faults.onlookers import UNLIKE
from tests.faults.sealing import SECOND
from tests.faults.stops import control, stopped_once
from tests.faults.trial import Trial


@pytest.mark.long
def test_zombies_change_nothing(tmp_path, seed):
    found = stopped_once(Trial(tmp_path / "home", 1, seed))
    assert found.violations == []
    assert found.acknowledged == found.attempted > 0
    assert found.control_red


@pytest.mark.long
def test_a_zombie_that_is_not_compared_and_a_sealer_that_forgets_are_found_out(tmp_path, seed):
    told = control(Trial(tmp_path / "home", 1, seed))
    assert [each for each in told if UNLIKE in each]
    assert [each for each in told if SECOND in each]

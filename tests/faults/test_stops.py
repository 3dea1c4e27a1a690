"""A worker and a relay, stopped until others have taken over; `make faults` stops them for half a minute each time."""

import pytest

from tests.faults.stops import stopped_once
from tests.faults.trial import Trial


@pytest.mark.long
def test_zombies_change_nothing(tmp_path, seed):
    found = stopped_once(Trial(tmp_path / "home", 1, seed), 0.0)
    assert found.violations == []
    assert found.acknowledged == found.attempted > 0

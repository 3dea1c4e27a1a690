"""One failpoint of each part, each harm once; `make faults` does all of them, many times."""

import pytest

from tests.faults import failpoints
from tests.faults.serverside import TWO_TENANTS
from tests.faults.trial import Trial


@pytest.mark.long
def test_a_failpoint_of_each_part_loses_and_repeats_nothing(tmp_path, seed):
    points = ("view: between rows and checkpoint", "relay: published and not acknowledged", TWO_TENANTS)
    found = failpoints.endure(Trial(tmp_path / "home", 1, seed), points)
    assert found.violations == []
    assert found.acknowledged == found.attempted > 0
    assert found.control_red


@pytest.mark.long
def test_rows_apart_from_their_checkpoint_are_found_out(tmp_path, seed):
    assert failpoints.control(Trial(tmp_path / "home", 1, seed))

"""The harm that `make faults` does to the journal of reads, some of it at each commit."""

import pytest

from tests.faults.disk.drive import Missing, needed
from tests.faults.journal import REFUSED, endure
from tests.faults.trial import Trial


@pytest.mark.long
def test_no_read_that_was_answered_is_missing_from_the_trail(tmp_path, seed):
    try:
        needed()
    except Missing as missing:
        pytest.skip(str(missing))
    found, _ = endure(Trial(tmp_path, 3, seed), ["kill", "power", "full"])
    assert found.violations == []
    assert found.acknowledged > 0
    assert REFUSED in str(found.notes["refused"])
    assert found.control_red

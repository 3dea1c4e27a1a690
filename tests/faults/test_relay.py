"""The fault that `make faults` does again and again: a relay that slept past the window, and a store that is gone."""

import pytest

from tests.faults.relay import Scale, applied_otherwise, endure
from tests.faults.trial import Trial


@pytest.mark.long
def test_consumers_apply_once_and_the_stream_is_made_again(tmp_path, seed):
    found = endure(Trial(tmp_path, 2, seed), ["stopped", "wiped"], Scale(window=0.5, well=120))
    assert found.violations == []
    assert found.acknowledged > 0
    assert found.control_red


def test_what_is_applied_again_or_left_out_or_out_of_order_is_seen():
    log = [(1, "a"), (2, "b"), (3, "c")]
    assert applied_otherwise(log, log) == []
    assert all(applied_otherwise(each, log) for each in ([*log, log[0]], log[:2], [log[1], log[0], log[2]]))

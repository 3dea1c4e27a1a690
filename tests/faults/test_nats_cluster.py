"""The fault that `make faults` does again and again: of three servers one dies, then another, then they return."""

import pytest

from tests.faults.nats_cluster import Scale, endure
from tests.faults.trial import Trial


@pytest.mark.long
def test_a_cluster_without_a_majority_delays_the_stream_and_loses_nothing(tmp_path, seed):
    found = endure(Trial(tmp_path, 1, seed), 1, Scale(well=180, pause=1, control=4))
    assert found.violations == []
    assert found.acknowledged > 0
    assert found.control_red

"""The fault that `make faults` does with six processes and a limit in seconds: one of two workers dies."""

from uuid import uuid4

import pytest

from tests.faults.crew import API, VIEWS
from tests.faults.takeover import Scale, endure, unfair
from tests.faults.trial import Trial


@pytest.mark.long
def test_another_worker_takes_over(tmp_path, seed):
    names = [f"{API} 1", f"{API} 2", f"{VIEWS} 1", f"{VIEWS} 2"]
    found = endure(Trial(tmp_path, 2, seed), names, [f"{VIEWS} 1", f"{API} 1"], Scale(2, 120, 2))
    assert found.violations == []
    assert found.acknowledged > 0
    assert found.control_red


def test_a_share_too_large_and_a_worker_without_one_are_unfair():
    one, two = uuid4(), uuid4()
    assert unfair({"views": {one: 2, two: 2}, "relay": {one: 2, two: 1}}, {"views": 2, "relay": 2}) == []
    assert unfair({"views": {one: 3, two: 1}}, {"views": 2})
    assert unfair({"views": {one: 4}}, {"views": 2})

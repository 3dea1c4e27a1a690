"""The fault that `make faults` does fifty times, four times at each commit."""

import os
import signal
from random import Random

from tests.faults.kills import endure, kill, strike
from tests.faults.trial import Trial
from tests.served import served


def test_four_kills_lose_and_repeat_nothing(tmp_path, seed):
    found = endure(Trial(tmp_path, 4, seed), ["api", "views", "seal", "postgres"], 120)
    assert found.violations == []
    assert found.acknowledged == found.attempted > 0
    assert sorted(str(found.notes["kills by target"]).split(", ")) == ["1 api", "1 postgres", "1 seal", "1 views"]
    assert found.control_red


def test_a_target_that_is_down_is_waited_for(tmp_path, seed):
    with served(tmp_path / "home") as product:
        os.kill(product.pid, signal.SIGSTOP)
        first = kill(product, "seal", Random(seed))
        # The control: who does not wait hits nothing.
        assert strike(product, "seal", Random(seed)) == 0
        os.kill(product.pid, signal.SIGCONT)
        assert kill(product, "seal", Random(seed)) != first

"""The tail race for a moment, and the interleavings that its writers meet only by chance."""

import pytest

from tests.faults import tail
from tests.faults.interleavings import gap_is_given_up, later_commits_first, ours
from tests.faults.tail import READERS, judged
from tests.faults.trial import Trial


def test_no_reader_of_the_log_passes_over_anything(migrated, tmp_path, seed):
    found = tail.raced(migrated.addresses.app, Trial(tmp_path, 1, seed), 1.0)
    assert found.violations == []
    assert found.acknowledged > 0


def test_by_hand_no_reader_of_the_log_passes_over_anything(migrated):
    assert ours(migrated.addresses.app) == []


@pytest.mark.parametrize("interleaving", [later_commits_first, gap_is_given_up])
def test_by_hand_readers_of_a_sequence_pass_over_what_commits_later(migrated, interleaving):
    assert len(interleaving(migrated.addresses.superuser)) == 1


def test_a_reader_that_is_led_past_something_is_found_out():
    seen = [[1, 2, 3], [1, 3], [1, 3, 2]]
    told = judged([1, 2, 3], seen)
    assert told.skipped == 1
    assert [READERS[1].__name__ in told.violations[0], READERS[2].__name__ in told.violations[1]] == [True, True]

"""The fault that `make faults` does with hundreds of connections; how much is done is measured and judged there."""

import pytest

from tests.faults.load import Met
from tests.faults.overload import Scale, endure, wrong
from tests.faults.trial import Trial


@pytest.mark.long
def test_beyond_what_can_be_done_nobody_is_answered_strangely(tmp_path, seed):
    found = endure(Trial(tmp_path, 1, seed), Scale(2, 2, 3, 100, least=0))
    assert [each for each in found.violations if not each.startswith("as before only")] == []
    assert found.acknowledged > 0


def test_too_little_and_strange_answers_are_seen():
    able = Met([(n / 10, 0.01, 201) for n in range(80)])
    half = Met([(n / 10, 0.01, 201 if n % 2 else 503) for n in range(80)])
    late = Met([(n / 10, 6.0, 201) for n in range(80)])
    scale = Scale()
    assert wrong(able, able, scale) == []
    assert wrong(able, half, scale)
    assert wrong(able, late, scale)
    assert wrong(able, Met([*able.answers, (1, 1, 500)]), scale) == ["answered with [500]"]

"""Two hundred examples at each commit, and the product with each rule broken."""

import pytest

from tests.faults import broken, model

CALLS = {"appended", "conflict", "taken", "repeated", "reused", "load", "fold", "parked", "rebuild"}


@pytest.fixture(scope="module")
def ground(migrated, tmp_path_factory):
    with model.ground(migrated.addresses, tmp_path_factory.mktemp("model")) as ground:
        yield ground


def test_the_log_and_its_view_are_their_model(ground, seed):
    calls = model.examined(ground, 200, seed)
    # What two hundred drew nowhere by chance is among the next.
    for more in range(1, 4):
        if not all(calls[each] for each in CALLS):
            calls += model.examined(ground, 200, seed + more)
    assert {each for each in CALLS if not calls[each]} == set()


@pytest.mark.long
def test_each_broken_rule_is_found_out(ground, seed):
    assert broken.overlooked(ground, seed) == []

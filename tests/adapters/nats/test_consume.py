"""A consumer's own account: each event once, and none of a new generation passed over in silence."""

from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import pytest

from adapters.nats.consume import Gap, Order
from adapters.nats.message import Carried
from domain.tenancy import Resumed

TENANT = uuid4()


def event(generation, position, fact=None):
    body = msgspec.json.encode(fact) if fact else b"{}"
    type = "tenancy.resumed" if fact else "prospects.noted"
    return Carried(TENANT, position, generation, "a/b", 1, type, datetime.now(UTC), b"", body, "")


def resumed(generation, position, previous):
    return event(generation, position, Resumed(generation, previous, position - 1, "restore"))


def order(*taken):
    found = Order({})
    for each in taken:
        assert found.admit(each)
    return found


def test_a_new_generation_begins_before_what_is_held():
    found = order(*(event(1, n) for n in range(1, 8)), resumed(2, 4, 1), event(2, 5))
    assert not found.admit(event(1, 8))
    assert not found.admit(event(2, 5))
    assert found.admit(event(2, 6))


def test_one_whose_beginning_is_missing_is_a_gap():
    """Its position alone would not show it: more was held of the generation before."""
    found = order(*(event(1, n) for n in range(1, 8)))
    with pytest.raises(Gap, match="since generation 1") as gap:
        found.admit(event(2, 5))
    assert gap.value.generation == 1


def test_a_generation_that_was_never_seen_is_a_gap():
    found = order(*(event(1, n) for n in range(1, 8)))
    with pytest.raises(Gap, match="since generation 1"):
        found.admit(resumed(3, 6, 2))


def test_who_was_behind_the_cut_lacks_what_is_before_it():
    found = order(event(1, 1))
    with pytest.raises(Gap, match="between positions 1 and 4"):
        found.admit(resumed(2, 4, 1))

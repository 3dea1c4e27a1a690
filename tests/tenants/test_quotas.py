"""A quota allows its limit at once and refills evenly."""

import pytest
from hypothesis import given as forall
from hypothesis import strategies

from tenants import quotas
from tenants.quotas import Quota


def test_the_limit_may_be_used_at_once_and_no_more():
    quota = Quota(3, 60)
    assert [quota.take("a", 0.0).remaining for _ in range(3)] == [2, 1, 0]
    refused = quota.take("a", 0.0)
    assert not refused.allowed
    assert refused.retry == pytest.approx(20, abs=0.01)
    assert refused.reset == pytest.approx(60, abs=0.01)


def test_it_refills_evenly():
    quota = Quota(3, 60)
    for _ in range(3):
        quota.take("a", 0.0)
    assert not quota.take("a", 19.9).allowed
    assert quota.take("a", 20.0).allowed
    assert quota.take("a", 200.0).remaining == 2


def test_callers_do_not_share():
    quota = Quota(1, 60)
    assert quota.take("a", 0.0).allowed
    assert quota.take("b", 0.0).allowed
    assert not quota.take("a", 0.0).allowed


def test_looking_costs_nothing():
    quota = Quota(2, 60)
    assert [quota.take("a", 0.0, 0).remaining for _ in range(5)] == [2] * 5
    quota.take("a", 0.0, 2)
    assert quota.take("a", 0.0, 0).remaining == 0
    assert quota.take("a", 0.0, 0).retry == pytest.approx(30, abs=0.01)


def test_a_share_is_a_part_of_the_limit():
    assert Quota(100, share=0.25).limit == 25
    assert Quota(1, share=0.25).limit == 1


def test_it_forgets_who_was_not_seen_for_longest(monkeypatch):
    monkeypatch.setattr(quotas, "MOST", 2)
    quota = Quota(1, 60)
    for caller in ("a", "b", "c"):
        quota.take(caller, 0.0)
    assert quota.take("a", 0.0).allowed
    assert not quota.take("c", 0.0).allowed


@forall(strategies.lists(strategies.floats(0, 5), max_size=200), strategies.integers(1, 20))
def test_no_window_ever_sees_more_than_twice_the_limit(pauses, limit):
    """The bound of a bucket: what was saved up, and what is refilled meanwhile."""
    quota, now, taken = Quota(limit, 10), 0.0, []
    for pause in pauses:
        now += pause
        if quota.take("a", now).allowed:
            taken.append(now)
    assert all(sum(start <= at < start + 10 for at in taken) <= 2 * limit for start in taken)


def test_of_whom_nothing_was_counted_there_is_nothing_to_look_at():
    quota = Quota(3, 60)
    quota.take("a", 0.0, 0)
    assert not quota.counted("a")
    quota.take("a", 0.0)
    assert quota.counted("a")
    assert not quota.counted("b")

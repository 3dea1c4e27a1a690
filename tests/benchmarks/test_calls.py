import pytest

from benchmarks import calls


def test_half_and_99_of_100_were_answered_by_then():
    told = calls.told(200, 4.0, [each / 1000 for each in range(1, 101)])
    assert told == {"rate": 50, "p50": pytest.approx(51), "p99": pytest.approx(100)}


def test_who_was_never_answered_has_no_figures():
    with pytest.raises(ValueError, match="nobody"):
        calls.told(0, 1.0, [])


def test_threads_count_the_events_of_every_call():
    done = []

    def call():
        done.append(3)
        return 3

    told = calls.threads(4, 0.05, call)
    assert told["rate"] > 0
    assert len(done) >= 4


def test_what_goes_wrong_in_a_thread_is_told():
    def call():
        raise RuntimeError("refused")

    with pytest.raises(RuntimeError, match="refused"):
        calls.threads(2, 0.05, call)

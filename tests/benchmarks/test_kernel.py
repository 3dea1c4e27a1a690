from functools import partial

import pytest

from benchmarks import kernel
from benchmarks.kernel import FULL, OURS, QUICK, Round, Session, Versus, undisturbed


def played(ours, theirs, foreign=0.0):
    return Round({OURS: {"rate": ours}, "copy": {"rate": theirs}}, {OURS: foreign, "copy": 0.0})


def versus(unit):
    return Versus(against="copy", kind="limit", case="", measure="rate", unit=unit)


def test_more_is_better_in_rates():
    line = versus("events/s").line("job", [played(30, 10), played(20, 10), played(10, 10)])
    assert (line.ratio.min, line.ratio.median, line.ratio.max) == (1, 2, 3)
    assert (line.ours, line.theirs, line.rounds, line.left_out) == (20, 10, 3, 0)


@pytest.mark.parametrize("unit", ["s", "ms", "µs"])
def test_more_is_better_in_times(unit):
    line = versus(unit).line("job", [played(30, 10), played(20, 10), played(10, 10)])
    assert (line.ratio.min, line.ratio.median, line.ratio.max) == (0.3333, 0.5, 1)


def test_the_ratio_is_taken_within_the_round():
    # The machine slowed down by ten between the rounds; the ratio did not change.
    line = versus("events/s").line("job", [played(20, 10), played(2, 1), played(2, 1)])
    assert (line.ratio.min, line.ratio.max) == (2, 2)


def test_disturbed_rounds_are_left_out():
    line = versus("events/s").line("job", [*[played(20, 10)] * 3, played(1, 10, foreign=0.5)])
    assert (line.ratio.min, line.rounds, line.left_out, line.foreign_cpu, line.disturbed) == (2, 3, 1, 0, 0)


def test_where_all_are_disturbed_the_least_disturbed_count_and_say_so():
    rounds = [played(1, 1, foreign) for foreign in (0.9, 0.5, 0.7, 0.6)]
    assert [one.disturbance("copy") for one in undisturbed(rounds, "copy")] == [0.5, 0.6, 0.7]
    line = versus("events/s").line("job", rounds)
    assert (line.foreign_cpu, line.left_out, line.disturbed) == (0.6, 1, 3)


def test_contenders_alternate_and_take_turns_in_going_first():
    order = []

    def turn(name):
        order.append(name)
        return {"rate": 1.0}

    turns = {name: partial(turn, name) for name in (OURS, "copy", "pgbench")}
    session = Session(QUICK, lambda words: None)
    session.begin("job")
    assert len(session.play(turns, rounds=3)) == 3
    assert order == [OURS, "copy", "pgbench", "copy", "pgbench", OURS, "pgbench", OURS, "copy"]


@pytest.mark.parametrize(("scale", "least"), [(QUICK, 1), (FULL, 5)])
def test_a_job_out_of_time_is_cut_to_fewer_rounds_but_never_to_too_few(monkeypatch, scale, least):
    session = Session(scale, lambda words: None)
    session.begin("job")
    monkeypatch.setattr(session, "left", lambda: -1.0)
    assert len(session.play({OURS: lambda: {"rate": 1.0}}, rounds=7)) == least


def begun():
    session = Session(QUICK, lambda words: None)
    session.begin("job")
    return session


def test_a_peer_that_fails_costs_its_own_comparison_and_no_other():
    session, asked = begun(), []

    def missing():
        asked.append("emmett")
        raise RuntimeError("npm is not found")

    turns = {OURS: lambda: {"rate": 2.0}, "emmett": missing, "copy": lambda: {"rate": 1.0}}
    rounds = session.play(turns, rounds=3)
    many = [Versus(against=name, kind="peer", case="", measure="rate", unit="events/s") for name in ("emmett", "copy")]
    lines = list(session.compared(rounds, *many))
    assert [(line.job, line.against, line.rounds) for line in lines] == [("job", "copy", 3)]
    assert session.problems == ["job against emmett could not be measured: npm is not found"]
    assert asked == ["emmett"]


def test_where_the_product_fails_the_job_does():
    def broken():
        raise RuntimeError("refused")

    with pytest.raises(RuntimeError, match="refused"):
        begun().play({OURS: broken, "copy": lambda: {"rate": 1.0}})


def test_their_figure_may_have_a_name_of_its_own():
    rounds = begun().play({OURS: lambda: {"sealed": 8.0, "plain": 10.0}}, rounds=3)
    versus = Versus(against=OURS, kind="limit", case="", measure="sealed", theirs="plain", unit="events/s")
    (line,) = begun().compared(rounds, versus)
    assert (line.ours, line.theirs, line.ratio.median) == (8, 10, 0.8)


def test_cases_that_are_still_to_come_keep_their_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("benchmarks.kernel.time.monotonic", lambda: now[0])
    session = begun()

    def turn():
        now[0] += QUICK.share / 10
        return {"rate": 1.0}

    # A round takes a tenth of the time: with two cases to come, five fit into the first one's half.
    assert len(session.play({OURS: turn}, rounds=9, cases=2)) == 5


def test_figures_claim_four_digits():
    assert kernel.short(12345.678) == 12350
    assert kernel.short(0.0001234567) == 0.0001235

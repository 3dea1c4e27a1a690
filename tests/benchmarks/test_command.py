import json
from typing import Any

import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks import report
from benchmarks.kernel import FULL, QUICK, Line, Spread

LINE = Line(
    job="http",
    against="bare-route",
    kind="limit",
    case="get one",
    unit="requests/s",
    ours=7,
    theirs=10,
    ratio=Spread(0.6, 0.7, 0.8),
    rounds=5,
    left_out=0,
    disturbed=0,
    foreign_cpu=0.02,
)


@pytest.fixture
def asked(monkeypatch):
    """What the command line asks for, nothing of it measured."""
    asked: dict[str, Any] = {}

    def measured(names, session, failed):
        asked.update(names=names, scale=session.scale)
        failed.extend(asked.get("failed", []))
        yield LINE

    monkeypatch.setattr(command, "measured", measured)
    return asked


def run(*arguments):
    return command.app(arguments, result_action="return_value")


def test_everything_is_measured_in_full_where_nothing_is_said(asked):
    assert run() == 0
    assert asked["names"] == command.ALL
    assert asked["scale"] is FULL


def test_jobs_are_measured_once_each_in_the_order_asked_for(asked):
    run("http", "append-64x1", "http", "--quick")
    assert asked["names"] == ("http", "append-64x1")
    assert asked["scale"] is QUICK


def test_an_unknown_job_is_refused(asked, capsys):
    with pytest.raises(SystemExit) as ended:
        run("append")
    assert ended.value.code
    assert asked == {}


def test_a_line_is_one_object_with_all_that_others_rely_on(asked, capsys):
    run("--json")
    found = json.loads(capsys.readouterr().out)
    relied_on = {"job", "against", "kind", "ours", "theirs", "ratio", "rounds", "foreign_cpu"}
    assert relied_on <= set(found)
    assert found["ratio"] == {"min": 0.6, "median": 0.7, "max": 0.8}


def test_a_job_that_failed_shows_in_the_exit_code(asked):
    asked["failed"] = ["http failed"]
    assert run() == 1


def test_the_table_holds_each_line(capsys):
    report.as_table([LINE], Console(width=200))
    assert "bare-route" in capsys.readouterr().out


def test_every_row_that_was_asked_for_is_a_job():
    appends = {"append-64x1", "append-8x1", "append-1x1", "append-8x100"}
    others = {
        "replay",
        "load-stream",
        "catch-up",
        "http",
        "access",
        "encrypt",
        "predict",
        "verify",
        "startup",
        "growth",
    }
    assert appends | others <= set(command.ALL)


def test_every_job_can_be_run():
    assert set(command.ALL) | {"calibration"} == set(command.JOBS)
    for name in command.JOBS:
        assert callable(command.job(name))

"""`everlog demo` as the README has it: twice in a row, with the figures that were promised."""

import os
import signal
import subprocess
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import json

from adapters.embedded import CannotStart, wipe
from api.demo.figures import Figures
from api.demo.show import SAMPLES, _samples, curls, show
from tests.adapters.supervising import ROOT, gone, processes
from tests.served import EVERLOG, command, environment, everlog, free_port, started
from tests.waiting import until


@pytest.fixture
def home(tmp_path):
    yield tmp_path / "home"
    with suppress(CannotStart):
        wipe(tmp_path / "home")


def played(home):
    words = ["demo", "--once", "--json", "--port", "0"]
    done = subprocess.run(
        [*EVERLOG, *words],
        env=environment(EVERLOG_HOME=str(home)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if os.environ.get("CI") else None,
        text=True,
        check=True,
    )
    return json.decode(done.stdout, type=Figures)


@pytest.mark.long
def test_the_figures_hold_twice_in_a_row(home):
    first, second = played(home), played(home)
    for found in (first, second):
        print(found)  # noqa: T201 - the figures are the result
        assert found.tenants == 2
        assert found.events > 3 * 8190
        assert found.accuracy >= 0.81
        assert found.auc >= 0.89
        assert found.second_half_accuracy >= 0.83
        assert 0.88 <= found.coverage <= 0.92
        assert found.last_label < 0.60
        assert found.plain_accuracy < found.accuracy
        assert found.recomputed == "equal"
        assert found.cross_tenant_reads_refused == 40
    same = ("accuracy", "auc", "second_half_accuracy", "coverage", "mean_set_size", "plain_auc", "last_label")
    assert [getattr(first, name) for name in same] == [getattr(second, name) for name in same]


@pytest.fixture
def interruptible():
    """Started in the background of a script, the tests ignore SIGINT, and so would all that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("order", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_interrupted_while_it_streams_it_ends_with_all_that_it_started(home, order, interruptible):
    """Ctrl-C goes to the whole group of a terminal, so the order does here."""
    named = environment(EVERLOG_HOME=str(home), EVERLOG_PORT=str(free_port()))
    before = set(processes())
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with started(["demo"], named, **streams, process_group=0) as demo:
        until(lambda: "Second Organisation" in everlog(["tenants", "list"], named).stdout, 240)
        begun = [pid for pid in set(processes()) - before if {"api.main", "-D", "-c"} & set(command(pid))]
        assert len(begun) >= 6
        os.killpg(demo.pid, order)
        _, told = demo.communicate(timeout=180)
    assert demo.returncode in {130, -order}
    assert b"Traceback" not in told
    assert b"started again" not in told
    assert gone(begun, 30)


def test_a_person_is_shown_reasons_and_five_commands_that_work(lived, house, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    numbers: dict[str, Any] = dict.fromkeys(Figures.__struct_fields__, 0) | {"recomputed": "equal"}
    show(Figures(**numbers), lived, "an id", house.url, json=False)
    shown = capsys.readouterr().out
    newest = lived.get("/v1/predictions", model="prospects.conversion", sort="-number", limit=SAMPLES)["items"]
    # Another test may have erased some of them.
    told = [
        f"{each['reasons'][0]['feature']} {each['reasons'][0]['contribution']:+.2f}"
        for each in newest
        if each["reasons"]
    ]
    assert told
    assert all(each in shown for each in told)
    for line in curls(lived, house.url):
        assert line in shown
        done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
        assert "code" not in json.decode(done.stdout), line


def test_who_was_erased_is_shown_without_reasons():
    row = {"probability": 0.5, "likely": ["won"], "outcome": "won", "reasons": None}
    erased: Any = SimpleNamespace(get=lambda *_, **__: {"items": [row]})
    assert list(_samples(erased).columns[-1].cells) == [""]

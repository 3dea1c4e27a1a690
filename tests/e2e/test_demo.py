"""`everlog demo` as the README has it: twice in a row, with the figures that were promised."""

import os
import subprocess
from contextlib import suppress

import pytest
from msgspec import json

from adapters.embedded import CannotStart, wipe
from api.demo.figures import Figures
from tests.adapters.supervising import ROOT
from tests.served import EVERLOG, environment


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

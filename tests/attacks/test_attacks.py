"""Attacks by the database's superuser are found where they were done, and nothing is where nobody attacked."""

import subprocess
import sys

import msgspec
import pytest

from tests.adapters.supervising import ROOT
from tests.attacks.book import ATTACKS
from tests.served import environment

SHORT = ("edit-body", "drop-one", "re-sign", "edit-view-row-and-digest", "swap-keys", "read-signing-key")


def told(*words):
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks", "--json", *words],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, [msgspec.json.decode(line) for line in done.stdout.splitlines()], done.stderr


def test_some_attacks_are_found_in_their_place_and_clean_runs_stay_clean():
    code, (*lines, total), complaints = told(*SHORT, "--runs", "1")
    assert [each["attack"] for each in lines if each["detected"]] == list(SHORT), complaints
    assert total == {"attacks": len(SHORT), "detected": len(SHORT), "clean_runs": 1, "false_alarms": 0}
    assert code == 0


@pytest.mark.long
def test_every_attack_is_found_and_a_hundred_clean_runs_stay_clean():
    code, (*lines, total), complaints = told("--runs", "100")
    assert not [each for each in lines if not each.get("detected")], complaints
    assert len(ATTACKS) >= 30
    assert (total["detected"], total["false_alarms"], code) == (len(ATTACKS), 0, 0)

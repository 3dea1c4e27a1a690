"""The how-to on certificates, run as it is written; what starts the whole product, in the long run alone."""

import os
import subprocess
import sys

import pytest

from tests.adapters.supervising import ROOT
from tests.e2e.test_officer import BLOCK, kept
from tests.served import environment, free_port

PAGE = ROOT / "docs" / "how-to" / "certificates.md"


def run(folder, *, whole):
    """What the blocks of the page print, and what they promise; without `whole`, but for those of the product."""
    commands = folder / "bin"
    commands.mkdir()
    (commands / "everlog").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m api.main "$@"\n')
    (commands / "everlog").chmod(0o755)
    ports = {"8000": str(free_port()), "8700": str(free_port())}
    script, promised, skipped = "set -e\ntrap 'kill $(jobs -p); wait' EXIT\n", [], False
    for kind, text in BLOCK.findall(PAGE.read_text()):
        if kind == "sh":
            skipped = "everlog serve" in text and not whole
            script += "" if skipped else text
        elif not skipped:
            promised += text.splitlines()
    for written, free in ports.items():
        script = script.replace(f":{written}", f":{free}")
    paths = {"PATH": f"{commands}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    own = environment(EVERLOG_HOME=str(folder / "home"), EVERLOG_PORT=ports["8000"], **paths)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=own, capture_output=True, text=True, check=False, timeout=400
    )
    return done, promised


def test_the_commands_of_the_page_make_certificates_that_are_verified(tmp_path):
    done, promised = run(tmp_path, whole=False)
    assert done.returncode == 0, done.stderr
    assert promised
    assert kept(promised, done.stdout)


@pytest.mark.long
def test_the_page_runs_as_it_is_written(tmp_path):
    done, promised = run(tmp_path, whole=True)
    assert done.returncode == 0, done.stderr
    assert kept(promised, done.stdout)

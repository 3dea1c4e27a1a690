"""The compliance officer's pages, run as written on what the demo streams."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from adapters.embedded import wipe
from tests.adapters.supervising import ROOT
from tests.served import environment

PAGE = ROOT / "docs" / "tutorial" / "compliance-officer.md"
QUESTIONS = ROOT / "docs" / "how-to" / "twelve-questions.md"
MEMBERS = ROOT / "docs" / "how-to" / "members.md"
BUNDLE = ROOT / "docs" / "how-to" / "verify-a-bundle.md"
URL = "http://127.0.0.1:8000"
BLOCK = re.compile(r"^```(?P<kind>sh|text)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
END = "---- end of block ----"


def steps(page):
    """Each block of commands with the lines it promises, but for those that a reader alone can run."""
    found = [(match["kind"], match["text"]) for match in BLOCK.finditer(page)]
    for number, (kind, text) in enumerate(found):
        if kind == "sh" and "make demo" not in text and "…" not in text:
            following = found[number + 1 :]
            yield text, following[0][1].splitlines() if following and following[0][0] == "text" else []


def kept(promised, shown):
    """Whether each line is shown, in this order, and not denied; `…` stands for anything."""
    patterns = ("(?<!NOT )" + ".*".join(map(re.escape, line.split("…"))) for line in promised)
    return bool(re.search(".*".join(patterns), shown, re.DOTALL))


def run(page, folder, known, url=None):
    """What each block of a page prints, in a folder that has what it reaches for; at another address if one is given.

    The verifier is run by whatever Python there is, and finds nothing of ours.
    """
    commands = folder / ".venv" / "bin"
    commands.mkdir(parents=True)
    for name, words in {"python": "", "everlog": "-m api.main"}.items():
        (commands / name).write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" {words} "$@"\n')
        (commands / name).chmod(0o755)
    (folder / "clients").symlink_to(ROOT / "clients")
    script = "\n".join(f"{text}\necho '{END}'" for text, _ in steps(page))
    done = subprocess.run(
        ["bash", "-ec", "set -o pipefail\n" + (script.replace(URL, url) if url else script)],
        env=known,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout.split(END + "\n")


def broken(page, shown):
    """The blocks that did not show what the page promises."""
    assert len(shown) == len(list(steps(page))) + 1
    return [
        (text, said) for (text, promised), said in zip(steps(page), shown, strict=False) if not kept(promised, said)
    ]


@pytest.mark.parametrize("path", [PAGE, QUESTIONS, MEMBERS, BUNDLE], ids=lambda path: path.stem)
def test_the_officers_pages_run_as_written(path, tmp_path, house, lived):
    page = path.read_text()
    assert broken(page, run(page, tmp_path, house.environment | {"EVERLOG_KEY": lived.key}, house.url)) == []


@pytest.fixture
def demo(tmp_path):
    """`make demo` as the tutorial has it, at the address that it has by itself; the key that it prints."""
    with socket.socket() as trial:
        if trial.connect_ex(("127.0.0.1", 8000)) == 0:
            pytest.skip("another program listens on port 8000")
    known = environment(EVERLOG_HOME=str(tmp_path / "home"))
    # What it would install is what the tests run with.
    words = ["make", "--old-file=.venv/run", "demo"]
    log = tmp_path / "demo.log"
    with (
        log.open("wb") as said,
        subprocess.Popen(
            words, cwd=ROOT, env=known, stdout=subprocess.PIPE, stderr=said, text=True, process_group=0
        ) as process,
    ):
        try:
            assert process.stdout
            lines = iter(process.stdout.readline, "")
            assert any(line.startswith("API key") for line in lines), log.read_text()[-4000:]
            yield known | {"EVERLOG_KEY": next(lines).strip()}
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(120)
            wipe(tmp_path / "home")


@pytest.mark.long
def test_the_tutorial_runs_from_its_first_command_on(demo, tmp_path):
    page = PAGE.read_text()
    assert "make demo" in page
    assert URL in page
    assert broken(page, run(page, tmp_path, demo)) == []


def test_a_promise_that_is_not_kept_is_found():
    assert kept(["VERIFIED", '"a":…"b"'], 'VERIFIED\n"a":1,"b"')
    assert not kept(["VERIFIED", "VERIFIED"], "VERIFIED")
    assert not kept(["equal"], "differs")
    assert not kept(["VERIFIED"], "NOT VERIFIED")

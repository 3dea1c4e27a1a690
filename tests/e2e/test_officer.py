"""The compliance officer's tutorial, their twelve questions, and members: run as written on what the demo streams."""

import re
import subprocess
import sys

import pytest

from tests.adapters.supervising import ROOT

PAGE = ROOT / "docs" / "tutorial" / "compliance-officer.md"
QUESTIONS = ROOT / "docs" / "how-to" / "twelve-questions.md"
MEMBERS = ROOT / "docs" / "how-to" / "members.md"
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
    """Whether each line is shown, in this order; `…` stands for anything."""
    patterns = (".*".join(map(re.escape, line.split("…"))) for line in promised)
    return bool(re.search(".*".join(patterns), shown, re.DOTALL))


@pytest.fixture(params=[PAGE, QUESTIONS, MEMBERS], ids=lambda page: page.stem)
def played(request, tmp_path, house, lived):
    """A page, and what each block of it printed, in a folder that has what it reaches for."""
    commands = tmp_path / ".venv" / "bin"
    commands.mkdir(parents=True)
    for name, words in {"python": "", "everlog": "-m api.main"}.items():
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (commands / name).chmod(0o755)
    (tmp_path / "clients").symlink_to(ROOT / "clients")
    script = "\n".join(f"{text}\necho '{END}'" for text, _ in steps(request.param.read_text()))
    done = subprocess.run(
        ["bash", "-ec", "set -o pipefail\n" + script.replace("http://127.0.0.1:8000", house.url)],
        env=house.environment | {"EVERLOG_KEY": lived.key, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    return list(steps(request.param.read_text())), done.stdout.split(END + "\n")


def test_the_officers_pages_run_as_written(played):
    page, shown = played
    assert len(shown) == len(page) + 1
    broken = [(text, said) for (text, promised), said in zip(page, shown, strict=False) if not kept(promised, said)]
    assert broken == []


def test_a_promise_that_is_not_kept_is_found():
    assert kept(["VERIFIED", '"a":…"b"'], 'VERIFIED\n"a":1,"b"')
    assert not kept(["VERIFIED", "VERIFIED"], "VERIFIED")
    assert not kept(["equal"], "differs")

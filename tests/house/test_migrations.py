"""The migrations stand in one line: two that follow on the same one would stop every installation."""

import re
from pathlib import Path

VERSIONS = Path(__file__).parents[2] / "deploy" / "migrations" / "versions"


def broken(numbered):
    """What is wrong with names, revisions and what they follow on, in order."""
    line = [f"{number:04}" for number in range(1, len(numbered) + 1)]
    return [
        name
        for (name, revision, before), number in zip(numbered, line, strict=True)
        if (name[:4], revision, before) != (number, number, f"{int(number) - 1:04}" if number != "0001" else None)
    ]


def written():
    found = []
    for file in sorted(VERSIONS.glob("*.py")):
        text = file.read_text()
        [revision] = re.findall(r'^revision = "(\d{4})"$', text, re.MULTILINE)
        [before] = re.findall(r'^down_revision(?:: [^=]+)? = (?:"(\d{4})"|None)$', text, re.MULTILINE)
        found.append((file.name, revision, before or None))
    return found


def test_migrations_follow_on_each_other():
    assert broken(written()) == []


def test_control_two_of_one_number_are_found():
    line = [("0001_a.py", "0001", None), ("0002_b.py", "0002", "0001"), ("0002_c.py", "0002", "0001")]
    assert broken(line) == ["0002_c.py"]

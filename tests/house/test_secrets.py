"""Nothing that opens a door and nothing of one machine stands in the repository."""

import re
from pathlib import Path

import pytest

from tests.house.sources import ROOT, everything, plant

# Written in pieces, so that this file is not its own finding.
SECRET = re.compile(
    r"-----BEGIN (?:\w+ )*PRIVATE" + r" KEY-----"
    r"|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bxox[abp]-[A-Za-z0-9-]{20,}|\beverlog_[a-z0-9]+_[A-Za-z0-9_-]{32,}"
)
MACHINE = re.compile(r"(?<![\w./:~-])/(?:work|root|Users|home/(?!you\b)\w+)/[\w.-]")


def found(root: Path, what: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(root)}:{number}"
        for path in everything(root)
        for number, line in enumerate(path.read_bytes().decode(errors="ignore").splitlines(), 1)
        if what.search(line)
    ]


def test_no_secret_is_kept_here():
    assert found(ROOT, SECRET) == []


def test_no_path_of_one_machine_is_kept_here():
    assert found(ROOT, MACHINE) == []


@pytest.mark.parametrize("line", ["-----BEGIN EC PRIVATE" + " KEY-----", "id = AK" + "IA" + "A" * 16])
def test_a_secret_is_found(tmp_path, line):
    plant(tmp_path, "deploy/key.pem", f"first\n{line}\n")
    assert found(tmp_path, SECRET) == ["deploy/key.pem:2"]


@pytest.mark.parametrize("path", ["/ro" + "ot/data", "/ho" + "me/ada/everlog", "/wo" + "rk/main"])
def test_a_path_of_one_machine_is_found(tmp_path, path):
    plant(tmp_path, "docs/index.md", f"see {path}\n")
    assert found(tmp_path, MACHINE) == ["docs/index.md:1"]

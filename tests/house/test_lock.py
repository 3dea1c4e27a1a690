"""The lock pins everything by hash, names no address, and fits what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.sources import ROOT

LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-bench.txt")
ADDRESS = re.compile(r"://|^\s*-(?!-hash=)|\s--(?!hash=)|@\s*\w+:", re.MULTILINE)
ELSEWHERE = "https://nowhere.invalid"
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[\w,-]+\])?==(?P<version>[^\s;]+)")


def addresses(lock: str) -> list[str]:
    """Lines that say where to download from: an address, or an option other than a hash."""
    return [line for line in lock.splitlines() if ADDRESS.search(line)]


def unhashed(lock: str) -> list[str]:
    blocks = re.split(r"(?<!\\)\n", lock)
    return [block for block in blocks if block.strip() and not (PIN.match(block) and "--hash=sha256:" in block)]


def pins(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for match in filter(None, map(PIN.match, lock.splitlines())):
        found.setdefault(canonicalize_name(match["name"]), set()).add(match["version"])
    return found


def unmet(wanted: list[str], lock: str) -> list[str]:
    pinned = pins(lock)
    return [
        text
        for text in wanted
        for requirement in [Requirement(text)]
        if not (versions := pinned.get(canonicalize_name(requirement.name)))
        or not all(requirement.specifier.contains(version) for version in versions)
    ]


@pytest.fixture(params=LOCKS)
def lock(request) -> str:
    return (ROOT / Path(request.param)).read_text(encoding="utf-8")


def test_no_address_stands_in_the_lock(lock):
    assert addresses(lock) == []


def test_every_pin_has_a_hash(lock):
    assert unhashed(lock) == []


def test_the_lock_meets_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    run, dev, bench = ((ROOT / name).read_text(encoding="utf-8") for name in LOCKS)
    groups = project["dependency-groups"]
    others = [line for name in groups if name != "bench" for line in groups[name] if isinstance(line, str)]
    assert unmet(project["project"]["dependencies"], run) == []
    assert unmet(project["project"]["dependencies"] + others, dev) == []
    assert unmet(groups["bench"], bench) == []


def test_what_runs_is_what_is_tested():
    run, dev, _ = (pins((ROOT / name).read_text(encoding="utf-8")) for name in LOCKS)
    assert {name: versions for name, versions in dev.items() if name in run} == run


def test_the_benchmarks_add_to_what_runs_and_replace_nothing_of_it():
    run, _, bench = (pins((ROOT / name).read_text(encoding="utf-8")) for name in LOCKS)
    assert bench
    assert {name: bench[name] for name in bench if name in run and bench[name] != run[name]} == {}


def test_casbin_never_stands_beside_pycasbin(lock):
    assert "casbin" not in pins(lock)


@pytest.mark.parametrize(
    "line",
    [
        f"--index-url {ELSEWHERE}",
        "--find-links /somewhere",
        "--trusted-host nowhere.invalid",
        f"msgspec @ {ELSEWHERE}",
        f"-i {ELSEWHERE}",
    ],
)
def test_an_address_is_found(line):
    good = "msgspec==0.22.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01"
    assert addresses(f"{line}\n{good}") == [line]


def test_a_pin_without_a_hash_is_found():
    assert unhashed("a==1 \\\n    --hash=sha256:00\nb==2\n") == ["b==2"]


def test_an_unmet_dependency_is_found():
    assert unmet(["a>=1", "b[c]>=3", "d"], "a==1.5 \\\nb==2 \\\n") == ["b[c]>=3", "d"]

"""Arrows point inwards: the contracts hold here, and each breaks on an offending import."""

import ast
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.sources import ROOT, plant, python

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = {contract["id"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}
LINTED = PROJECT["tool"]["importlinter"]["root_packages"]

# What is added to a copy of the tree: the contract, where, and the import that it must not let pass.
OFFENCES = [
    ("inwards", "adapters/offence.py", "import api.bootstrap"),
    ("inwards", "application/offence.py", "import adapters.offended"),
    ("inwards", "application/offence.py", "import projections.kernel"),
    ("inwards", "projections/offence.py", "import application.kernel"),
    ("inwards", "projections/offence.py", "import adapters.offended"),
    ("inwards", "domain/offence.py", "import application.kernel"),
    ("inwards", "domain/offence.py", "import tenants.offended"),
    ("inwards", "tenants/offence.py", "import domain.kernel"),
    ("inwards", "tenants/offence.py", "import application.kernel"),
    ("capabilities", "domain/offence.py", "import domain.prospects"),
    ("capabilities", "domain/kernel.py", "import domain.prospects"),
    ("pure", "domain/offence.py", "import litestar"),
    ("pure", "domain/offence.py", "from time import time"),
    ("pure", "domain/kernel.py", "from random import random"),
    ("asked", "application/offence.py", "import psycopg"),
    ("bootstrap", "api/offence.py", "import adapters.offended"),
    ("library", "api/offence.py", "from eventsourcing.persistence import ProcessRecorder"),
    ("learners", "api/offence.py", "from river import linear_model"),
    ("learners", "application/offence.py", "import sklearn"),
    ("enforcer", "api/offence.py", "import casbin"),
]
OFFENDED = ("adapters/offended.py", "tenants/offended.py")
# Folders that a wheel of ours leaves lying beside its package.
STRAY = {"dist", "examples", "node_modules"}
IMPURE = {"now", "utcnow", "today", "uuid1", "uuid4", "open", "input", "print"}


def linted(tree: Path, *options: str) -> str:
    """What import-linter says of a tree; "" when it keeps every contract."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache", *options]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def undeclared(contract: str) -> set[str]:
    """Packages that the product depends on and a `forbidden` contract forgot."""
    names = {canonicalize_name(Requirement(line).name) for line in PROJECT["project"]["dependencies"]}
    tops = {
        top
        for top, distributions in packages_distributions().items()
        if names & {canonicalize_name(name) for name in distributions} and top.isidentifier() and top[0] != "_"
    }
    return tops - STRAY - set(CONTRACTS[contract]["forbidden_modules"])


def impure(root: Path) -> list[str]:
    """Calls in the domain that read the clock, throw dice or touch the world, whatever they were imported from."""
    return [
        f"{path.relative_to(root)}:{node.lineno} {name}"
        for path in python(root, "domain")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and (name := _called(node)) in IMPURE
    ]


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


@pytest.fixture
def tree(tmp_path) -> Iterator[Path]:
    """A copy of the layers, to be broken."""
    for package in LINTED:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in OFFENDED:
        plant(tmp_path, name, "")
    return tmp_path


def test_every_contract_is_kept():
    assert linted(ROOT) == ""


def test_a_copy_of_the_tree_is_kept_too(tree):
    assert linted(tree) == ""


@pytest.mark.parametrize(("contract", "where", "offence"), OFFENCES)
def test_an_offending_import_breaks_its_contract(tree, contract, where, offence):
    path = tree / where
    plant(tree, where, f"{path.read_text(encoding='utf-8') if path.exists() else ''}\n{offence}\n")
    assert "Contracts: 0 kept, 1 broken." in linted(tree, "--contract", contract)


def test_every_contract_has_its_offence():
    assert {contract for contract, _, _ in OFFENCES} == CONTRACTS.keys()


def test_the_domain_forgets_no_library_when_it_forbids():
    assert undeclared("pure") == {"msgspec"}


def test_the_application_is_asked_with_few_libraries():
    assert undeclared("asked") == {"msgspec", "structlog", "opentelemetry"}


def test_the_domain_neither_reads_the_clock_nor_throws_dice():
    assert impure(ROOT) == []


def test_a_clock_in_the_domain_is_found(tmp_path):
    plant(tmp_path, "domain/x.py", "from datetime import datetime, UTC\n\nat = datetime.now(UTC)\nkey = open('k')\n")
    assert impure(tmp_path) == ["domain/x.py:3 now", "domain/x.py:4 open"]

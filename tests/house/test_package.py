"""What is built holds every layer and its data, and nothing else; every target of make is explained."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.sources import LAYERS, ROOT, plant, python

# alembic loads migrations by path, and the script that made the demo's data is started by hand.
LOOSE = {("deploy", "migrations"), ("deploy", "demo")}
TARGET = re.compile(r"^(?P<name>[a-z][a-z-]*):(?P<rest>.*)$", re.MULTILINE)


def unmarked(root: Path) -> list[str]:
    """Folders with code that Python would take for a namespace and setuptools would leave out."""
    folders = {path.parent for path in python(root, *LAYERS)}
    named = {folder for folder in folders if folder.relative_to(root).parts[:2] not in LOOSE}
    return sorted(str(folder.relative_to(root)) for folder in named if not (folder / "__init__.py").exists())


def unexplained(makefile: str) -> list[str]:
    return [match["name"] for match in TARGET.finditer(makefile) if "## " not in match["rest"]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> set[str]:
    """The names in a wheel built from a copy of the tree."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in (*LAYERS, "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", out, tree]
    subprocess.run(command, check=True, stdout=sys.stderr)
    (built,) = out.glob("everlog-*.whl")
    return set(zipfile.ZipFile(built).namelist())


def test_every_folder_with_code_is_a_package():
    assert unmarked(ROOT) == []


def test_the_wheel_holds_every_module(wheel):
    assert {str(path.relative_to(ROOT)) for path in python(ROOT, *LAYERS)} - wheel == set()


def test_the_wheel_holds_migrations_and_demo_data(wheel):
    data = (path for folder in ("migrations", "demo") for path in (ROOT / "deploy" / folder).rglob("*"))
    shipped = {str(path.relative_to(ROOT)) for path in data if path.is_file() and "__pycache__" not in path.parts}
    assert shipped - wheel == set()


def test_the_wheel_holds_nothing_else(wheel):
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name} == set(LAYERS)


def test_every_target_of_make_is_explained():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    # Run by `make test`, a make below it would tell where it enters and leaves.
    told = ["make", "--no-print-directory", "help"]
    help_lines = subprocess.run(told, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert unexplained(makefile) == []
    assert [line.split()[1] for line in help_lines.splitlines()] == [m["name"] for m in TARGET.finditer(makefile)]


def test_a_target_without_a_word_is_found():
    assert unexplained("help: ## list\ndemo: .venv/run\n\techo\n") == ["demo"]


def test_a_folder_that_is_no_package_is_found(tmp_path):
    for name in ("domain/__init__.py", "domain/orgs/x.py", "deploy/migrations/versions/1.py"):
        plant(tmp_path, name, "")
    assert unmarked(tmp_path) == ["domain/orgs"]

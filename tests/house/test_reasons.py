"""Every exception from a rule has its reason beside it."""

import io
import re
import tokenize
from pathlib import Path

from tests.house.sources import ROOT, plant, python

RULES = r":\s*[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*"
SILENCER = re.compile(rf"#\s*(?:ruff:\s*)?noqa(?:{RULES})?|#\s*type:\s*ignore(?:\[[\w, -]*\])?")
BLANKET = re.compile(r"#\s*(?:ruff:\s*)?noqa(?!:)|#\s*type:\s*ignore(?!\[)")
RULE = re.compile(r'^\s+"(?P<rule>[A-Z]+\d*)",(?P<rest>.*)$')
WORDS = 3


def said(text: str) -> bool:
    return len(re.findall(r"[^\W\d_]{2,}", text)) >= WORDS


def unreasoned(root: Path) -> list[str]:
    """Comments that silence a checker with no reason behind them or on the comment line above."""
    return [f"{path.relative_to(root)}:{line}" for path in python(root) for line in _silent(path.read_text("utf-8"))]


def _silent(text: str) -> list[int]:
    comments = {
        token.start[0]: token.string
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    }
    lines = text.splitlines()
    return [
        line
        for line, comment in comments.items()
        if SILENCER.search(comment)
        and (
            BLANKET.search(comment)
            or not (
                said(SILENCER.sub("", comment))
                or (lines[line - 2].lstrip().startswith("#") and said(comments.get(line - 1, "")))
            )
        )
    ]


def unexplained(pyproject: str) -> list[str]:
    """Rules switched off in pyproject.toml with no reason on their line."""
    rules = (RULE.match(line) for line in pyproject.splitlines())
    return [rule["rule"] for rule in rules if rule and rule["rule"] != "ALL" and not said(rule["rest"])]


def test_every_silenced_line_says_why():
    assert unreasoned(ROOT) == []


def test_every_rule_switched_off_says_why():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert unexplained(text) == []
    assert 'select = ["ALL"]' in text


def test_a_silenced_line_without_a_reason_is_found(tmp_path):
    reason = "# The table's name is a constant of ours."
    hush, blanket, ignore = "# no" + "qa: S608", "# no" + "qa", "# type: " + "ignore[misc]"
    lines = [
        f"a = 1  {hush}",
        "",
        f"b = 1  {hush} the table's name is ours",
        "",
        reason,
        f"c = 1  {hush}",
        f"d = 1  {ignore}",
        f"e = 1  {ignore}  # the library's stub is wrong here",
        "",
        f"f = 1  {blanket} whatever it is, let it pass",
    ]
    plant(tmp_path, "domain/x.py", "\n".join(lines))
    assert unreasoned(tmp_path) == ["domain/x.py:1", "domain/x.py:7", "domain/x.py:10"]


def test_a_rule_without_a_reason_is_found():
    text = 'ignore = [\n    "D101",\n    "D102", # why\n    "D103", # The name says it all.\n]'
    assert unexplained(text) == ["D101", "D102"]

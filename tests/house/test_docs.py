"""The documents are true where a machine can tell: links, commands, decisions, the changelog."""

import re
from pathlib import Path

import pytest

from tests.house.sources import ROOT, plant, prose

LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)|(?:src|href)=\"(?P<html>[^\"]+)\"")
FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
DECISIONS = ROOT / "docs" / "decisions"
KINDS = ("tutorial", "how-to", "reference", "explanation", "decisions")


def anchors(text: str) -> set[str]:
    """The anchors that a git host gives a page's headings."""
    headings = (match["text"].lower() for match in HEADING.finditer(FENCE.sub("", text)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def links(path: Path) -> list[str]:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return [match["target"] or match["html"] for match in LINK.finditer(text)]


def broken(root: Path) -> list[str]:
    """Links to files or headings that are not there; addresses elsewhere are not looked at."""
    return [
        f"{path.relative_to(root)}: {target}"
        for path in prose(root)
        for target in links(path)
        if not target.startswith(("http:", "https:", "mailto:")) and not _leads(path, target)
    ]


def _leads(path: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    page = (path.parent / name) if name else path
    return page.exists() and (not anchor or anchor in anchors(page.read_text(encoding="utf-8")))


def unlisted(root: Path) -> list[str]:
    """Pages that nobody can reach from the first page of the documentation."""
    reached, ahead = set(), [(root / "docs" / "index.md").resolve()]
    while ahead:
        page = ahead.pop()
        if page in reached or not page.is_file() or page.suffix != ".md":
            continue
        reached.add(page)
        ahead += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link]
    pages = (path.resolve() for path in (root / "docs").rglob("*.md"))
    return sorted(str(page.relative_to(root.resolve())) for page in pages if page not in reached)


def section(text: str, heading: str) -> str:
    found = re.search(rf"^## {re.escape(heading)}\n(?P<body>.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no part called {heading}"
    return found["body"]


def test_every_link_leads_somewhere():
    assert broken(ROOT) == []


def test_every_page_can_be_reached():
    assert unlisted(ROOT) == []


def test_the_readme_starts_with_exactly_two_commands():
    body = section((ROOT / "README.md").read_text(encoding="utf-8"), "Two commands")
    assert [match["text"].split() for match in FENCE.finditer(body)] == [["make", "demo", "make", "test"]]


@pytest.mark.parametrize("part", ["Two commands", "The picture", "Where data lives", "Adding a capability"])
def test_the_readme_answers_a_newcomer(part):
    assert section((ROOT / "README.md").read_text(encoding="utf-8"), part).strip()


@pytest.mark.parametrize("kind", KINDS)
def test_the_documentation_has_its_parts(kind):
    assert list((ROOT / "docs" / kind).glob("*.md"))


def test_decisions_are_numbered_without_a_gap():
    numbers = [int(path.name[:4]) for path in sorted(DECISIONS.glob("[0-9]*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_a_decision_gives_context_decision_and_consequences_on_one_page(path):
    text = path.read_text(encoding="utf-8")
    assert {"context", "decision", "consequences"} <= anchors(text)
    assert len(text.split()) <= 600


def test_the_changelog_starts_with_what_is_unreleased():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])


def test_a_broken_link_is_found(tmp_path):
    plant(
        tmp_path, "README.md", "# Top\n[a](docs/a.md) [b](docs/b.md) [c](#top) [d](#bottom) [e](docs/a.md#part-one)\n"
    )
    plant(tmp_path, "docs/a.md", "# A\n## Part one\n```\n[x](nowhere.md)\n```\n")
    assert broken(tmp_path) == ["README.md: docs/b.md", "README.md: #bottom"]


def test_a_page_out_of_reach_is_found(tmp_path):
    plant(tmp_path, "docs/index.md", "[a](a.md)")
    plant(tmp_path, "docs/a.md", "[in](index.md)")
    plant(tmp_path, "docs/b.md", "[a](a.md)")
    assert unlisted(tmp_path) == ["docs/b.md"]

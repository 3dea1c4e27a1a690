"""The generated pages of the reference say what the program does now; `make docs` writes them anew."""

import re

import pytest

from api import settings
from api.app import routes_of
from deploy.reference import configuration
from deploy.reference.pages import document, pages, problems
from tests.house.sources import LAYERS, ROOT, python

FOLDER = ROOT / "docs" / "reference"
PAGES = pages(FOLDER)
VARIABLE = re.compile(r"\bEVERLOG_[A-Z_]+\b")


def variables() -> set[str]:
    return {name for path in python(ROOT, *LAYERS) for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name):
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name], "`make docs` writes it anew"


def test_every_operation_has_its_place_on_the_page():
    headings = set(re.findall(r"^### `(\w+ \S+)`$", PAGES["http-api.md"], re.MULTILINE))
    assert headings >= {f"{route.method} {route.path}" for route in routes_of({})}
    assert len(headings) == sum(len(item) for item in document()["paths"].values())


def test_every_variable_of_the_environment_is_explained():
    assert variables() - configuration.INNER == set(VARIABLE.findall(PAGES["configuration.md"]))


def test_every_setting_has_its_words():
    assert set(configuration.described()) >= set(settings.NAMES)


def test_a_row_that_says_something_else_is_written_anew():
    text = (FOLDER / "errors.md").read_text(encoding="utf-8")
    assert problems(text.replace("| 409 |", "| 400 |")) == text

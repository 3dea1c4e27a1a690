"""The pages of the reference that follow from the program itself."""

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from api import openapi
from api.app import CAPABILITIES
from api.operations import routes
from api.problems import PROBLEMS
from api.stream import PATHS
from deploy.reference import command_line, configuration, http

ROWS = re.compile(r"^\| `.*\n", re.MULTILINE)


def pages(folder: Path) -> dict[str, str]:
    """Each page's text by its file name; `folder` holds what is written by hand around the list of problems."""
    told = document()
    return {
        "openapi.json": json.dumps(told, indent=1, ensure_ascii=False) + "\n",
        "http-api.md": http.page(told),
        "command-line.md": command_line.page(),
        "configuration.md": configuration.page(),
        "errors.md": problems((folder / "errors.md").read_text(encoding="utf-8")),
    }


def document() -> dict[str, Any]:
    """The OpenAPI document as a server sends it."""
    return openapi.document([*CAPABILITIES, *routes({}, b"", b"", b"")], version("everlog"), PATHS)


def problems(text: str) -> str:
    """The page with its rows written anew."""
    rows = "".join(f"| `{code}` | {kind.status} | {kind.title}. | {kind.advice} |\n" for code, kind in PROBLEMS.items())
    head, *_, tail = ROWS.split(text)
    return head + rows + tail

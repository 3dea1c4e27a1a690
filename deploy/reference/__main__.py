"""Writes the generated pages of docs/reference anew: `make docs`."""

import sys
from pathlib import Path

from deploy.reference.pages import pages

FOLDER = Path(__file__).parents[2] / "docs" / "reference"

# The help says how a program was started, and this is not how.
sys.argv = ["everlog"]
for name, text in pages(FOLDER).items():
    (FOLDER / name).write_text(text, encoding="utf-8")

"""A data folder of a test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.embedded import wipe


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    wipe(folder)

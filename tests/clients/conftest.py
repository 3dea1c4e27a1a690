"""What the verifier's tests share."""

import functools
import json
import os
import random
import sys
from collections.abc import Callable

import pytest

from tests.clients.verifier import verifier


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same checkpoint is looked at thousands of times here; its signature gives the same answer each time."""
    monkeypatch.setattr(verifier, "signed", functools.cache(verifier.signed))


@pytest.fixture
def answer(tmp_path, capsys) -> Callable[..., tuple[int, dict]]:
    """What the verifier says of a text, as its exit code and report."""

    def ask(text: str | bytes, *options: str) -> tuple[int, dict]:
        path = tmp_path / "file"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        code = verifier.main([str(path), "--json", *options])
        return code, json.loads(capsys.readouterr().out)

    return ask


@pytest.fixture
def seed() -> int:
    """Drawn by lot, or what EVERLOG_SEED says, to do the same again. It is printed."""
    drawn = int(os.environ.get("EVERLOG_SEED") or random.SystemRandom().getrandbits(32))
    sys.stdout.write(f"EVERLOG_SEED={drawn}\n")
    return drawn

"""The whole document, tried with what its schemas allow and what they do not: no fault, no answer it does not know."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.api.world import made

ALLOWED = "positive_data_acceptance"
"""What a schema allows may still be refused: a cursor of another query, a prospect that is closed."""
FORBIDDEN = "negative_data_rejection"
"""What a schema forbids is refused, but for a bulk: there it is one command's problem, and the others go on."""
BULK = "/v1/commands"
FEW = 6
"""Examples drawn of each operation, beside those at the bounds of its schemas, which are always tried."""
OFTEN = pytest.mark.parametrize("examples", [FEW, pytest.param(100, marks=pytest.mark.long)])


def tried(where, key, *options, examples=FEW):
    """Every check of every phase: the exit code, and what was printed."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", str(where)]
    command += ["--header", f"Authorization: Bearer {key}", "--checks", "all"]
    command += ["--max-examples", str(examples), "--generation-deterministic", "--suppress-health-check", "all"]
    command += ["--no-color", "--warnings", "off", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def scored(world, monkeypatch):
    """A worker that scores every prospect."""
    monkeypatch.setattr(world.scorer, "answer", made)


@OFTEN
@pytest.mark.usefixtures("scored")
def test_the_document_holds(world, acme, examples):
    where, key = f"{world.url}/openapi.json", acme.keys["Admin"]
    code, said = tried(where, key, "--exclude-checks", ALLOWED, "--exclude-path", BULK, examples=examples)
    assert code == 0, said


@OFTEN
def test_the_document_holds_for_bulks(world, acme, examples):
    where, key = f"{world.url}/openapi.json", acme.keys["Admin"]
    left = f"{ALLOWED},{FORBIDDEN}"
    code, said = tried(where, key, "--exclude-checks", left, "--include-path", BULK, examples=examples)
    assert code == 0, said


def test_a_document_that_does_not_hold_is_noticed(world, acme, tmp_path):
    document = world.ask("GET", "/openapi.json").json()
    document["components"]["schemas"]["Health"]["properties"]["status"] = {"type": "integer"}
    path = tmp_path / "openapi.json"
    path.write_bytes(msgspec.json.encode(document))
    code, said = tried(path, acme.keys["Admin"], "--url", world.url, "--include-path", "/healthz")
    assert code == 1
    assert "schema" in said

"""The tree is read as tiles by whoever knows c2sp.org/tlog-tiles, and a stranger verifies what was read."""

import json
import subprocess
import sys

import pytest

from tests.api.long_log import lengthened
from tests.api.test_proofs import VERIFIER, key

WIDTH = 256


@pytest.fixture(scope="module")
def long(world, committer):
    """Two whole tiles at the lowest level, and part of a third."""
    return lengthened(world, committer, 2 * WIDTH + 30)


def asked(world, tenant, path, prefix=None, role="Auditor"):
    return world.client.get(f"/v1/proofs/logs/{prefix or tenant.id}/{path}", headers=key(tenant, role))


def paths(size):
    """What a client of the specification asks for to have all of a tree of this size."""
    level, count = 0, size
    while count:
        for index in range(-(-count // WIDTH)):
            width = min(WIDTH, count - index * WIDTH)
            part = f"{index:03}" + (f".p/{width}" if width < WIDTH else "")
            yield f"tile/{level}/{part}"
            if level == 0:
                yield f"tile/entries/{part}"
        level, count = level + 1, count // WIDTH


def test_a_client_of_the_specification_reads_all_of_it_and_a_stranger_verifies_that(world, long, tmp_path):
    tenant, size = long
    folder = tmp_path / "log"
    for path in ("checkpoint", *paths(size)):
        answer = asked(world, tenant, path)
        assert answer.is_success, (path, answer.text)
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(answer.content)

    def verified():
        words = [sys.executable, "-I", "-S", VERIFIER, folder, "--key", world.signer.key(tenant.id), "--json"]
        done = subprocess.run(words, capture_output=True, check=False)
        return done.returncode, json.loads(done.stdout)

    code, told = verified()
    assert (code, told["verified"], told["kind"], told["size"]) == (0, True, "tiles", size), told
    entries = folder / "tile/entries/001"
    changed = bytearray(entries.read_bytes())
    changed[-1] ^= 1
    entries.write_bytes(changed)
    assert verified()[0] == 1


def test_the_first_of_a_tile_are_got_too_and_what_is_not_there_is_said(world, long):
    tenant, size = long
    whole = asked(world, tenant, "tile/0/000")
    assert len(whole.content) == WIDTH * 32
    assert "immutable" in whole.headers["cache-control"]
    assert asked(world, tenant, "tile/0/000.p/3").content == whole.content[:96]
    assert asked(world, tenant, "tile/0%2F000.p%2F3").content == whole.content[:96]
    beyond = f"tile/0/002.p/{size % WIDTH + 1}"
    strange = ["tile/0/002", beyond, "tile/1/000", "tile/0/x000/001", "tile/0/1", "tile/64/000", "tile/0/000.p/256"]
    for path in (*strange, "tile/0/000.p/0", "tile/00/000", "tile/entries/002", "tile/data/000"):
        answer = asked(world, tenant, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "proofs.unknown-tile"), path


def test_a_log_is_read_by_its_own_organisation_and_with_the_permission(world, long, acme):
    tenant, _ = long
    for path in ("checkpoint", "tile/0/000"):
        assert asked(world, acme, path, prefix=tenant.id).json()["code"] == "proofs.unknown-tile"
        assert asked(world, tenant, path, role="Member").status_code == 403

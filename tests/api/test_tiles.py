"""The tree is read as tiles by whoever knows c2sp.org/tlog-tiles, and a stranger verifies what was read."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

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


@pytest.fixture
def folder(world, long, tmp_path):
    """All of a log, as such a client has it."""
    tenant, size = long
    for path in ("checkpoint", *paths(size)):
        answer = asked(world, tenant, path)
        assert answer.is_success, (path, answer.text)
        file = tmp_path / "log" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(answer.content)
    return tmp_path / "log"


def change(file):
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)


def test_a_client_of_the_specification_reads_all_of_it_and_a_stranger_verifies_that(world, long, folder):
    tenant, size = long

    def verified():
        words = [sys.executable, "-I", "-S", VERIFIER, folder, "--key", world.signer.key(tenant.id), "--json"]
        done = subprocess.run(words, capture_output=True, check=False)
        return done.returncode, json.loads(done.stdout)

    code, told = verified()
    assert (code, told["verified"], told["kind"], told["size"]) == (0, True, "tiles", size), told
    change(folder / "tile/entries/001")
    assert verified()[0] == 1


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Go's own packages for such logs, as its distribution has them, in a program that proves each record."""
    if not (go := shutil.which("go")):
        pytest.skip("Go is not installed: its packages would read the tiles.")
    root = subprocess.run([go, "env", "GOROOT"], capture_output=True, text=True, check=True).stdout.strip()
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(Path(root, "src/cmd/vendor/golang.org/x/mod"), folder / "mod")
    note = folder / "mod/sumdb/note/note.go"
    # Older copies ask for a package that Go's own library has by now.
    note.write_text(note.read_text().replace("golang.org/x/crypto/ed25519", "crypto/ed25519"))
    shutil.copy(Path(__file__).with_name("reader.go"), folder / "main.go")
    (folder / "mod/go.mod").write_text("module golang.org/x/mod\n")
    wanted = "require golang.org/x/mod v0.0.0\nreplace golang.org/x/mod => ./mod\n"
    (folder / "go.mod").write_text(f"module reader\n{wanted}")
    offline = os.environ | {"GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOCACHE": f"{folder / 'cache'}"}
    subprocess.run([go, "build", "-o", "reader", "."], cwd=folder, env=offline, check=True)
    return folder / "reader"


@pytest.mark.long
@pytest.mark.parametrize("file", ["", "tile/0/001", "tile/1/000.p/2", "tile/entries/001", "checkpoint"])
def test_go_s_packages_for_such_logs_prove_every_record(world, long, folder, reader, file):
    tenant, size = long
    if file:
        change(folder / file)
    done = subprocess.run(
        [reader, folder, world.signer.key(tenant.id)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.partition(" ")[0]) == ((1, "") if file else (0, f"{size}")), done.stderr


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

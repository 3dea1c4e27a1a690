"""A witness never signs two histories: not after kill -9, not for two who ask at once; its controls do."""

import json
import os
import subprocess
import sys
import threading
import time
from base64 import b64decode
from contextlib import contextmanager, nullcontext
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.proofs.witness import Unready, Witness
from projections.proofs import tree
from projections.proofs.note import base64, signature_line, verifier_key

ROOT = Path(__file__).parents[3]
LOG, NAME = "everlog/0199c0de-0000-7000-8000-000000000001", "witness.example.org/w1"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()
KEY = verifier_key(LOG, PUBLIC)


def leaves(size, fork=""):
    return [tree.leaf(f"{fork}{n}".encode()) for n in range(size)]


def node(all_leaves):
    def of(level, index):
        row = all_leaves[index << level : (index + 1) << level]
        while len(row) > 1:
            row = [tree.join(*pair) for pair in zip(row[::2], row[1::2], strict=True)]
        return row[0]

    return of


def checkpoint(size, fork="", origin=LOG, private=PRIVATE):
    root = tree.root(node(leaves(size, fork)), size)
    text = f"{origin}\n{size}\n{base64(root)}\nsealed 2026-11-25T09:30:00.123456Z\n"
    public = private.public_key().public_bytes_raw()
    return f"{text}\n{signature_line(LOG, public, private.sign(text.encode()))}"


def body(old, size, fork="", **more):
    path = tree.consistency(node(leaves(size, fork)), old, size) if 0 < old <= size else []
    lines = "".join(f"{base64(each)}\n" for each in path)
    return f"old {old}\n{lines}\n{checkpoint(size, fork, **more)}".encode()


@pytest.fixture
def witness(tmp_path):
    with standing(tmp_path / "state") as found:
        yield found


@contextmanager
def standing(folder, kind=Witness):
    found = kind(folder, NAME, [KEY])
    try:
        yield found
    finally:
        found.close()


@contextmanager
def process(folder, *start, keys=(KEY,), port=0):
    """A witness's process, the port that it answers on, and its verifier key."""
    command = [*(start or (sys.executable, "-m", "api.main", "witness")), "--state", str(folder), "--name", NAME]
    child = subprocess.Popen(
        [*command, *(word for key in keys for word in ("--origin-key", key)), "--listen", f"127.0.0.1:{port}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        # Nothing of a database is in its environment.
        env={name: value for name, value in os.environ.items() if not name.startswith("EVERLOG_")},
    )
    assert child.stdout
    try:
        line = child.stdout.readline()
        yield child, int(line.partition("/add-checkpoint")[0].rpartition(":")[2]), line.split()[-1]
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def post(port, raw):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/add-checkpoint", raw)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()
    finally:
        connection.close()


def test_a_log_that_grows_is_cosigned_and_the_verifier_counts_the_cosignature(tmp_path):
    lines = ""
    with process(tmp_path / "state") as (_, port, key):
        for old, size in ((0, 5), (5, 5), (5, 9)):
            status, _, lines = post(port, body(old, size))
            assert status == 200, lines
    file = tmp_path / "checkpoint"
    file.write_text(checkpoint(9) + lines, encoding="utf-8")
    assert verified(file, key) == (0, [NAME])
    raw = b64decode(lines.split()[-1])
    forged = bytes([*raw[:-1], raw[-1] ^ 1])
    file.write_text(checkpoint(9) + f"— {NAME} {base64(forged)}\n", encoding="utf-8")
    assert verified(file, key)[0] == 1


def verified(file, key):
    verifier = ROOT / "clients" / "verifier" / "everlog_verify.py"
    asked = [sys.executable, "-I", verifier, file, "--key", KEY, "--witness", key, "--quorum", "1", "--json"]
    done = subprocess.run(asked, capture_output=True, check=False)
    return done.returncode, json.loads(done.stdout)["witnesses"]


def test_a_forked_log_is_refused_with_the_size_that_the_witness_knows(tmp_path):
    with process(tmp_path / "state") as (_, port, _):
        assert post(port, body(0, 5))[0] == 200
        assert post(port, body(0, 7, "forked")) == (409, "text/x.tlog.size", "5\n")
        assert post(port, body(5, 5, "forked")) == (409, "text/x.tlog.size", "5\n")
        assert post(port, body(5, 7, "forked"))[0] == 422
        # Rolled back: to a smaller tree, as if it had been there all the time.
        assert post(port, body(3, 4)) == (409, "text/x.tlog.size", "5\n")
        assert post(port, body(5, 7))[0] == 200


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (body(0, 3, origin="everlog/other"), 404),
        (body(0, 3, origin=f"{LOG}/x"), 404),
        (body(0, 3, private=Ed25519PrivateKey.generate()), 403),
        (body(0, 3).replace(b"\n3\n", b"\n4\n"), 403),
        (body(4, 3), 400),
        (body(0, 3).replace(b"old 0", b"old 00"), 400),
        (body(0, 3).replace(b"old 0\n", b"old 0\n" + b"A" * 43 + b"=\n"), 422),
        (body(0, 3).replace(b"old 0\n", b"old 0\n" + (b"A" * 43 + b"=\n") * 64), 400),
        (body(0, 3).replace(b"old 0\n", b"old 0\nAAAA\n"), 400),
        (body(0, 3)[:-1], 400),
        (b"", 400),
        (b"\xff", 400),
    ],
)
def test_what_is_not_as_the_specification_has_it_is_refused_and_not_remembered(witness, raw, status):
    assert witness.add(raw).status == status
    assert witness.add(body(0, 3)).status == 200


def test_a_later_generation_is_a_log_of_its_own(witness):
    assert witness.add(body(0, 5)).status == 200
    assert witness.add(body(0, 3, "other", origin=f"{LOG}/2")).status == 200
    assert witness.add(body(0, 3, "third", origin=f"{LOG}/2")).status == 409


def test_a_log_that_moved_is_gone_on_with_under_its_new_key_once_the_witness_was_told_of_that(tmp_path):
    new = Ed25519PrivateKey.generate()
    told = [KEY, verifier_key(LOG, new.public_key().public_bytes_raw())]
    with standing(tmp_path) as found:
        assert found.add(body(0, 5)).status == 200
        assert found.add(body(5, 9, private=new)).status == 403
    again = Witness(tmp_path, NAME, told)
    try:
        assert again.add(body(5, 9, "forked", private=new)).status == 422
        assert again.add(body(5, 9, private=new)).status == 200
    finally:
        again.close()


KILLED = """
import os, signal
from adapters.proofs.witness import Witness
from api.main import main
Witness._cosigned = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main()
"""


def test_killed_between_remembering_and_answering_it_still_knows_one_history(tmp_path):
    folder = tmp_path / "state"
    with process(folder, sys.executable, "-c", KILLED, "witness") as (child, port, _):
        with pytest.raises(OSError, match=r".*"):
            post(port, body(0, 5))
        assert child.wait(60) == -9
    with process(folder) as (_, port, _):
        assert post(port, body(0, 5, "forked")) == (409, "text/x.tlog.size", "5\n")
        assert post(port, body(5, 5))[0] == 200


class Forgetful(Witness):
    """The control: what it signed is not remembered."""

    def _remember(self, checkpoint):
        pass


@pytest.mark.parametrize(("kind", "second"), [(Witness, 409), (Forgetful, 200)])
def test_a_second_history_is_signed_only_where_the_step_that_remembers_is_taken_out(tmp_path, kind, second):
    for fork, status in (("", 200), ("forked", second)):
        with standing(tmp_path, kind) as found:
            assert found.add(body(0, 5, fork)).status == status


class Slow(Witness):
    """Slow to remember, so that two who ask at once meet."""

    def _remember(self, checkpoint):
        time.sleep(0.2)
        super()._remember(checkpoint)


class Unlocked(Slow):
    """The control: nobody waits for their turn."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._turn: Any = nullcontext()
        self.met, self.file = threading.Barrier(2), threading.Lock()

    def _remember(self, checkpoint):
        self.met.wait(60)
        # One file is written at a time, or the second would trip over the first's.
        with self.file:
            Witness._remember(self, checkpoint)


@pytest.mark.parametrize(("kind", "answers"), [(Slow, [200, 409]), (Unlocked, [200, 200])])
def test_two_who_ask_at_once_are_not_both_signed_for(tmp_path, kind, answers):
    with standing(tmp_path, kind) as found:
        got = []
        asking = [
            threading.Thread(target=lambda raw: got.append(found.add(raw).status), args=(body(0, 5, fork),))
            for fork in ("", "forked")
        ]
        for each in asking:
            each.start()
        for each in asking:
            each.join()
    assert sorted(got) == answers


def test_what_cannot_be_remembered_is_not_signed(witness, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        witness.add(body(0, 5))
    monkeypatch.undo()
    assert witness.add(body(0, 5, "forked")).status == 200


def test_a_second_process_on_the_same_state_is_refused(tmp_path):
    with standing(tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "api.main", "witness", "--state", tmp_path, "--name", NAME, "--origin-key", KEY],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "Another witness works with" in done.stderr
    assert "Traceback" not in done.stderr


def test_its_files_are_its_owner_s_alone_and_damaged_ones_are_refused(tmp_path):
    with standing(tmp_path) as found:
        found.add(body(0, 5))
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
        [last] = tmp_path.glob("*.last")
        last.write_text("", encoding="utf-8")
        with pytest.raises(Unready, match="damaged"):
            found.add(body(0, 5, "forked"))
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(Unready, match="read by others"):
        Witness(tmp_path, NAME, [KEY])
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(Unready, match="another witness's"):
        Witness(tmp_path, "witness.example.org/w2", [KEY])
    (tmp_path / "key").unlink()
    with pytest.raises(Unready, match="is missing"):
        Witness(tmp_path, NAME, [KEY])


def test_a_state_put_back_from_before_signs_another_history_which_cannot_be_seen_from_inside(tmp_path):
    """The limit that the how-to names: so the folder is never put back from a copy."""
    with standing(tmp_path) as found:
        found.add(body(0, 5))
        [last] = tmp_path.glob("*.last")
        last.unlink()
        assert found.add(body(0, 5, "forked")).status == 200

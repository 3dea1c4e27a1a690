"""The verifier believes what is true and nothing else; it is held against a writer apart from it and the server."""

import json
import random
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.clients import bundles
from tests.clients.bundles import (
    LOG,
    WITNESS,
    WON,
    Signer,
    b64,
    chosen,
    complete,
    consistency,
    entry,
    inclusion,
    leaves,
    note,
    offline,
)
from tests.clients.verifier import FILE, verifier


def test_it_runs_with_python_alone(tmp_path):
    path = tmp_path / "bundle"
    path.write_text(bundles.text(complete(7, 2, 6, WON, WITNESS)))
    command = [sys.executable, "-I", "-S", str(FILE), str(path), "--key", LOG.vkey, "--witness", WITNESS.vkey]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "The key is the one you gave." in done.stdout
    assert "Cosigned by witness.example/w." in done.stdout


@pytest.mark.parametrize("sought", [{}, WON])
def test_every_span_of_small_trees_verifies(answer, sought):
    for size in range(9):
        for first in range(1, size + 2):
            last = size - (first % 2 if size > first else 0)
            code, report = answer(bundles.text(complete(size, first, last, sought)))
            assert (code, report["problem"], report["events"]) == (0, None, last - first + 1)


def test_what_was_proven_is_told_to_scripts_too(answer):
    """Whether nothing that matches was left out, by which filter, from where to where; of chosen events, that not."""
    for sought in ({}, WON):
        _, report = answer(bundles.text(complete(7, 2, 6, sought)))
        assert (report["filter"], report["span"]) == (sought, [2, 6])
    _, report = answer(bundles.text(chosen(7, [2, 5])))
    assert (report["filter"], report["verified"]) == (None, True)
    assert answer(json.dumps(inclusion(2, 5)))[1]["span"] == [3, 3]


def test_other_numbers_in_a_proof_are_rejected(answer):
    for index in {0, 1, 3, 4, 5, 2**62}:
        assert answer(json.dumps({**inclusion(2, 5), "index": index}))[0] == 1
    for name, value in (("size", 4), ("size", 6)):
        assert answer(json.dumps({**inclusion(2, 5), name: value}))[0] == 1
    changes: list[dict[str, object]] = [{"first": 2}, {"second": 6}, {"old": note([b"x"] * 3)}, {"path": []}]
    for change in changes:
        assert answer(json.dumps({**consistency(3, 5), **change}))[0] == 1


def test_a_tlog_proof_is_believed_for_its_own_place_and_with_a_known_key_alone(answer):
    for size in range(1, 9):
        for index in range(size):
            code, report = answer(offline(index, size, WITNESS), "--key", LOG.vkey, "--witness", WITNESS.vkey)
            assert (code, report["kind"], report["events"], report["witnesses"]) == (0, "tlog-proof", 1, [WITNESS.name])
    proof = offline(2, 5)
    head, _, rest = proof.partition("index 2\n")
    assert answer(proof)[0] == 1
    assert answer(proof, "--key", LOG.vkey, "--witness", WITNESS.vkey)[0] == 1
    for index in (0, 1, 3, 4, 5, 2**62):
        assert answer(f"{head}index {index}\n{rest}", "--key", LOG.vkey)[0] == 1
    other = proof.replace(b64(entry(3)), b64(entry(4)))
    assert answer(other, "--key", LOG.vkey)[1]["position"] == 3
    for unread in (proof.replace("index 2", "index 02"), proof.replace("extra ", "more "), proof.replace("\n\n", "\n")):
        assert answer(unread, "--key", LOG.vkey)[0] == 2


def test_witnesses_are_counted_once_each(answer):
    lines = bundles.text(complete(3, 1, 3, {}, WITNESS))
    other = Signer(3, "other.example/w", 4)
    assert answer(lines, "--witness", WITNESS.vkey)[1]["witnesses"] == [WITNESS.name]
    assert answer(lines, "--witness", WITNESS.vkey, "--witness", other.vkey)[0] == 1
    assert answer(lines, "--witness", WITNESS.vkey, "--witness", other.vkey, "--quorum", "1")[0] == 0
    assert answer(lines, "--witness", WITNESS.vkey, "--witness", WITNESS.vkey, "--quorum", "2")[0] == 2


@pytest.mark.parametrize(("said", "code"), [("", 0), ("after 6\n", 0), ("after 7\n", 2), ("after 06\n", 2), ("x\n", 2)])
def test_a_checkpoint_may_name_a_smaller_one_before_it(answer, said, code):
    whole = note(leaves(7))
    text = whole.partition("\n\n")[0].replace("\nafter 0", "") + "\n" + said
    assert answer(json.dumps(inclusion(3, 7) | {"checkpoint": f"{text}\n{LOG.line(text)}"}))[0] == code


def test_another_key_is_not_the_trusted_one(answer):
    lines = bundles.text(complete(3, 1, 3, {}))
    assert answer(lines)[1]["key_trusted"] is False
    assert answer(lines, "--key", LOG.vkey)[1]["key_trusted"] is True
    assert answer(lines, "--key", Signer(9).vkey)[0] == 1


def swap(lines: list[dict]) -> None:
    lines[3], lines[4] = lines[4], lines[3]


# What is done to a bundle of 8 events, of which 3 and 6 match; and the position that must be named.
CHANGES: dict[str, tuple[Any, int | None]] = {
    "dropped": (lambda lines: lines.pop(3), 3),
    "reordered": (swap, 3),
    "hidden match": (lambda lines: lines.__setitem__(3, bundles.line(3, ["type"])), 3),
    "shown too much": (lambda lines: lines.__setitem__(4, bundles.line(4, ["type", "body"])), 4),
    "filter hidden": (lambda lines: lines.__setitem__(4, bundles.line(4, [])), 4),
    "filter changed": (lambda lines: lines[0].update(filter={"type": ["prospects.captured"]}), 1),
    "body changed": (lambda lines: lines[6]["fields"]["body"].__setitem__(1, b64(b"{}")), None),
    "salt changed": (lambda lines: lines[6]["fields"]["type"].__setitem__(0, b64(bytes(32))), None),
    "digest changed": (lambda lines: lines[5]["digests"].update(body=b64(bytes(32))), None),
    "count changed": (lambda lines: lines[-1].update(count=9), 8),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_bundle_is_rejected_and_the_place_named(answer, name):
    lines = complete(8, 1, 8, WON)
    change, position = CHANGES[name]
    assert answer(bundles.text(lines))[0] == 0
    change(lines)
    code, report = answer(bundles.text(lines))
    assert (code, report["position"]) == (1, position)


def test_the_root_is_what_finds_a_changed_body(answer, monkeypatch):
    """The control: a verifier that does not compare the root takes what the test above sees refused."""
    lines, root, joined = complete(8, 1, 8, WON), bundles.root(leaves(8)), verifier.joined
    CHANGES["body changed"][0](lines)
    monkeypatch.setattr(verifier, "joined", lambda *given: joined(*given) and root)
    assert answer(bundles.text(lines))[0] == 0


def test_chosen_events_are_held_each_against_the_root(answer):
    whole = chosen(9, [2, 5, 9])
    assert answer(bundles.text(whole))[1]["events"] == 3
    whole[2]["fields"]["body"][1] = b64(b"{}")
    assert answer(bundles.text(whole))[1]["position"] == 5


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "nothing", "{}", '{"a":1,"a":2}', "[" * 100_000, '{"a":' * 100_000, '{"everlog":1e999}',
        json.dumps({**inclusion(1, 3), "index": 10**30}), json.dumps({**inclusion(1, 3), "index": True}),
        json.dumps({**inclusion(1, 3), "more": 1}), json.dumps(inclusion(1, 3)) + "{}", '{"everlog":"bundle/1"}',
        json.dumps({**inclusion(1, 3), "path": [1]}), json.dumps({**inclusion(1, 3), "key": "\ud800"}),
        bundles.text(complete(3, 1, 3, {})) + "\n", bundles.text(complete(3, 1, 3, {})).replace('="', '"', 1),
    ],
)  # fmt: skip
def test_what_is_not_in_the_format_is_unreadable(answer, text):
    code, report = answer(text)
    assert code == 2
    assert report["problem"]


def test_a_bundle_cut_off_is_not_verified(answer):
    assert answer(bundles.text(complete(3, 1, 3, {})[:-1]))[0] == 1


def plant(folder: Path, size: int) -> None:
    """A log of so many leaves in tiles, all of whose entries are the same few."""
    few = [entry(position) for position in range(1, 8)]
    level = [few[at % 7] for at in range(size)]
    (folder / "checkpoint").write_text(note(level))
    put(folder, "entries", [b"\x01\xa1" + one for one in level])
    hashes, number = [bundles.root([one]) for one in level], 0
    while hashes:
        put(folder, str(number), hashes)
        hashes = [above(hashes[at : at + 256]) for at in range(0, len(hashes) - 255, 256)]
        number += 1


def above(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [sha256(b"\1" + hashes[at] + hashes[at + 1]).digest() for at in range(0, len(hashes), 2)]
    return hashes[0]


def put(folder: Path, level: str, parts: list[bytes]) -> None:
    for at in range(0, len(parts), 256):
        chosen = parts[at : at + 256]
        name = f"{at // 256:03d}" + (f".p/{len(chosen)}" if len(chosen) < 256 else "")
        path = folder / "tile" / level / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(chosen))


@pytest.mark.parametrize("size", [0, 1, 255, 256, 700])
def test_a_folder_of_tiles_is_a_whole_log(tmp_path, capsys, size):
    plant(tmp_path, size)
    assert verifier.main([str(tmp_path), "--key", LOG.vkey]) == 0
    for path in tiles(tmp_path):
        bite(tmp_path, path, -1)


@pytest.mark.long
def test_a_log_of_three_levels_of_tiles(tmp_path, capsys, seed):
    """Any bit of any tile by lot, and of the entries the place is named."""
    plant(tmp_path, 66_000)
    assert verifier.main([str(tmp_path), "--key", LOG.vkey]) == 0
    dice = random.Random(seed)
    for level in ("entries", "0", "1", "2"):
        for path in dice.sample(found := tiles(tmp_path / "tile" / level), min(3, len(found))):
            bite(tmp_path, path, dice.randrange(path.stat().st_size))


def tiles(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "checkpoint")


def bite(folder: Path, path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)
    assert verifier.main([str(folder), "--key", LOG.vkey]) == 1
    raw[at] ^= 1
    path.write_bytes(raw)


def test_the_vectors_of_rfc_8032():
    """§7.1, test 2: key, message and signature."""
    key = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert verifier.signed(key, b"\x72", signature)
    assert not verifier.signed(key, b"\x73", signature)
    more = signature[:32] + (int.from_bytes(signature[32:], "little") + verifier.L).to_bytes(32, "little")
    assert not verifier.signed(key, b"\x72", more)

"""No bit of what is proven can be another: of entries, paths, roots, sizes, signatures, salts, values, positions."""

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients import bundles
from tests.clients.bundles import LOG, WON, b64, chosen, complete, consistency, inclusion, leaves, note, offline, text
from tests.clients.test_fuzz import asked, inside, reach
from tests.clients.verifier import verifier

FILES = {
    "bundle": text(complete(4, 1, 4, WON)), "span": text(complete(7, 3, 5, {})), "chosen": text(chosen(5, [2, 5])),
    "inclusion": json.dumps(inclusion(2, 5)) + "\n", "consistency": json.dumps(consistency(3, 7)) + "\n",
    "checkpoint": note(leaves(3)), "tlog-proof": offline(2, 5),
}  # fmt: skip
SOME, EACH = 499, pytest.param(1, marks=pytest.mark.long)
"""One bit in so many in the short form; every one in the long."""


def flipped(raw: bytes) -> Iterator[bytes]:
    for bit in range(len(raw) * 8):
        bent = bytearray(raw)
        bent[bit // 8] ^= 1 << bit % 8
        yield bytes(bent)


@pytest.mark.parametrize("step", [SOME, EACH])
@pytest.mark.parametrize("name", FILES)
def test_no_bit_of_a_file_can_be_another(tmp_path, name, step):
    """But for those of `made`, when the file was written: nobody signs that, and nothing is said of it."""
    raw = FILES[name].encode()
    start = raw.find(b'"made": "') + 9
    free = range(start, raw.index(b'"', start)) if start > 8 else range(0)
    believed = set()
    assert asked(tmp_path / "file", raw, "--key", LOG.vkey) == 0
    for bit, bent in enumerate(flipped(raw)):
        if bit % step == 0 and asked(tmp_path / "file", bent, "--key", LOG.vkey) == 0:
            believed.add(bit // 8)
    assert believed <= set(free)


def values(file: str, step: int = 1) -> Iterator[tuple[str, str]]:
    """Each file with one bit of one value another: of what its base 64 stands for, or of a number. One in `step`."""
    lines = [json.loads(line) for line in file.splitlines()]
    number = 0
    for top in lines:
        for path in inside(top):
            holder, key = reach(top, path[:-1]), path[-1]
            for other in others(old := holder[key]):
                number += 1
                if number % step == 0:
                    holder[key] = other
                    yield "/".join(map(str, path)), "".join(json.dumps(line) + "\n" for line in lines)
            holder[key] = old


def others(value: Any) -> Iterator[Any]:
    if type(value) is int:
        yield from (value ^ 1 << bit for bit in range(63))
    elif isinstance(value, str) and "\n\n" in value:
        yield from notes(value)
    elif isinstance(value, str):
        try:
            yield from map(b64, flipped(b64decode(value, validate=True)))
        except ValueError:
            return


def notes(whole: str) -> Iterator[str]:
    """A checkpoint with one bit of its size, root or signature another; once as it is, once signed by the log's key."""
    body, _, tail = whole.partition("\n\n")
    origin, size, root, *said = body.split("\n")
    rest = "\n".join(said)
    for number in (int(size) ^ 1 << bit for bit in range(63)):
        yield f"{origin}\n{number}\n{root}\n{rest}\n\n{tail}"
        yield signed(f"{origin}\n{number}\n{root}\n{rest}\n")
    for other in flipped(b64decode(root)):
        yield f"{origin}\n{size}\n{b64(other)}\n{rest}\n\n{tail}"
        yield signed(f"{origin}\n{size}\n{b64(other)}\n{rest}\n")
    dash, name, signature = tail[:-1].split(" ")
    yield from (f"{body}\n\n{dash} {name} {b64(other)}\n" for other in flipped(b64decode(signature)))


def signed(body: str) -> str:
    return f"{body}\n{LOG.line(body)}"


PROOFS = [name for name, file in FILES.items() if file.startswith("{")]


@pytest.mark.parametrize("step", [SOME, EACH])
@pytest.mark.parametrize("name", PROOFS)
def test_no_bit_of_a_value_can_be_another(tmp_path, name, step):
    believed = {
        where
        for where, bent in values(FILES[name], step)
        if asked(tmp_path / "file", bent.encode(), "--key", LOG.vkey) == 0
    }
    assert believed == set()


def test_every_kind_of_value_is_tried():
    tried = {name: {where.split("/")[0] for where, _ in values(FILES[name], 31)} - {"everlog"} for name in PROOFS}
    assert tried["inclusion"] == {"index", "size", "entry", "path", "checkpoint"}
    assert tried["consistency"] == {"first", "second", "path", "old", "checkpoint"}
    assert tried["chosen"] == {"first", "last", "checkpoint", "position", "fields", "path", "count"}
    assert {"digests", "left", "right"} <= tried["bundle"] | tried["span"]


# A check left out, and the places that are then believed.
WRONG: dict[str, tuple[Any, str, Any, str, str]] = {
    "signature": (verifier, "signed", lambda *_: True, "inclusion", "checkpoint"),
    "path": (verifier, "included", lambda *given: given[3].clear() or bundles.root(leaves(5)), "inclusion", "path/0"),
    "leaf": (verifier, "leaf", lambda _: verifier.sha256(b"\0" + bundles.entry(3)).digest(), "inclusion", "entry"),
    "span": (verifier, "joined", lambda *all: list(map(list, all[4])) and bundles.root(leaves(7)), "span", "left/0"),
    "old root": (verifier, "extended", lambda first, second, old, path: path.clear() or (old, bundles.root(leaves(7))),
                 "consistency", "path/0"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_verifier_that_leaves_a_check_out_is_noticed(tmp_path, monkeypatch, name):
    """The control."""
    where, what, careless, file, place = WRONG[name]
    monkeypatch.setattr(where, what, careless)
    bents = [bent for at, bent in values(FILES[file]) if at == place]
    assert any(asked(tmp_path / "file", bent.encode(), "--key", LOG.vkey) == 0 for bent in bents[::7])

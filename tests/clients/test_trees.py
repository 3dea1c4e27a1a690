"""The verifier's tree is that of RFC 6962 and 9162: their example, the vectors of their reference, and trees by lot."""

import random
from typing import Any

import pytest

from tests.clients import bundles
from tests.clients.verifier import verifier

# What the implementations of RFC 6962 share: eight leaves, the root after each, and proofs between them.
PARTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
ONE = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
PAIR = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
HALF = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
FIFTH = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
END = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
SIXTH = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
SEVENTH = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"
# By the number of the leaf, from 0, and the size of the tree.
INCLUSION = {
    (0, 1): [], (0, 8): [ONE, PAIR, HALF], (5, 8): [FIFTH, END, ROOTS[3]], (2, 3): [ROOTS[1]],
    (1, 5): [ROOTS[0], PAIR, FIFTH],
}  # fmt: skip
# By both sizes.
CONSISTENCY = {
    (1, 1): [], (1, 8): [ONE, PAIR, HALF], (6, 8): [SIXTH, END, ROOTS[3]], (2, 5): [PAIR, FIFTH],
    (6, 7): [SIXTH, SEVENTH, ROOTS[3]],
}  # fmt: skip
DIGITS = [bytes.fromhex(part) for part in PARTS]


def whole(leaves: list[bytes]) -> bytes:
    parts = iter(()), iter([verifier.leaf(each) for each in leaves]), iter(())
    root: bytes = verifier.joined(0, len(leaves), 0, len(leaves), parts)
    return root


def said(index: int, size: int, leaf: bytes, path: list[bytes]) -> Any:
    """The root that the verifier comes to, None where the path is too long or too short."""
    left = list(path)
    try:
        found = verifier.included(index, size, verifier.leaf(leaf), left)
    except verifier.Unproven:
        return None
    return None if left else found


def linked(first: int, second: int, old: bytes, path: list[bytes]) -> Any:
    left = list(path)
    try:
        found = verifier.extended(first, second, old, left)
    except verifier.Unproven:
        return None
    return None if left else found


def test_the_roots_of_the_shared_vectors():
    assert whole([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert [whole(DIGITS[:size]).hex() for size in range(1, 9)] == ROOTS


@pytest.mark.parametrize(("place", "path"), INCLUSION.items())
def test_the_inclusion_proofs_of_the_shared_vectors(place, path):
    index, size = place
    steps = [bytes.fromhex(step) for step in path]
    assert said(index, size, DIGITS[index], steps).hex() == ROOTS[size - 1]
    assert bundles.path(index, DIGITS[:size]) == steps


@pytest.mark.parametrize(("sizes", "path"), CONSISTENCY.items())
def test_the_consistency_proofs_of_the_shared_vectors(sizes, path):
    first, second = sizes
    steps, old = [bytes.fromhex(step) for step in path], bytes.fromhex(ROOTS[first - 1])
    assert linked(first, second, old, steps) == (old, bytes.fromhex(ROOTS[second - 1]))
    assert bundles.proof(first, DIGITS[:second]) == steps


def test_the_example_of_the_rfc():
    """RFC 6962 §2.1.3 and RFC 9162 §2.1.5: a tree of seven, its nodes by their letters."""
    data = [b"d%d" % number for number in range(7)]
    a, b, c, d, e, f, j = (verifier.leaf(each) for each in data)
    g, h, i = verifier.node(a, b), verifier.node(c, d), verifier.node(e, f)
    k, l = verifier.node(g, h), verifier.node(i, j)  # noqa: E741 - The RFC's own letter.
    root = verifier.node(k, l)
    assert whole(data) == root
    for index, path in {0: [b, h, l], 3: [c, g, l], 4: [f, j, k], 6: [i, k]}.items():
        assert said(index, 7, data[index], path) == root
    olds = {3: verifier.node(g, c), 4: k, 6: verifier.node(k, i)}
    for first, path in {3: [c, d, g, l], 4: [l], 6: [i, j, k]}.items():
        assert linked(first, 7, olds[first], path) == (olds[first], root)


def disagreeing(dice: random.Random, many: int) -> list[str]:
    """Random trees in which the verifier does not come to what the definitions say, or takes what they do not."""
    found = []
    for _ in range(many):
        size = dice.choice((dice.randint(1, 9), dice.randint(1, 300)))
        leaves = [dice.randbytes(dice.randint(16, 40)) for _ in range(size)]
        index, first = dice.randrange(size), dice.randint(1, size)
        root, old = bundles.root(leaves), bundles.root(leaves[:first])
        path, proof = bundles.path(index, leaves), bundles.proof(first, leaves)
        holds = [
            whole(leaves) == root,
            said(index, size, leaves[index], path) == root,
            linked(first, size, old, proof) == (old, root),
            all(said(index, size, leaves[index], bent) != root for bent in bents(dice, path)),
            all(linked(first, size, old, bent) != (old, root) for bent in bents(dice, proof)),
            said((index + 1) % size, size, leaves[index], path) != root or size == 1,
        ]
        if not all(holds):
            found.append(f"size {size}, leaf {index}, from {first}: {holds}")
    return found


def bents(dice: random.Random, path: list[bytes]) -> list[list[bytes]]:
    """A path with one bit of it another, one step more or fewer, or two exchanged."""
    at = dice.randrange(len(path) + 1)
    found = [[*path[:at], dice.randbytes(32), *path[at:]]]
    if path:
        bent = bytearray(path[at := at % len(path)])
        bent[dice.randrange(32)] ^= 1 << dice.randrange(8)
        found += [[*path[:at], bytes(bent), *path[at + 1 :]], path[:at] + path[at + 1 :]]
    if len(path) > 1:
        found.append([path[1], path[0], *path[2:]])
    return found


@pytest.mark.parametrize("many", [200, pytest.param(10_000, marks=pytest.mark.long)])
def test_random_trees_agree_with_the_definitions(many, seed):
    assert disagreeing(random.Random(seed), many) == []


@pytest.mark.parametrize("wrong", ["order", "half", "leaf"])
def test_trees_that_are_made_otherwise_are_noticed(wrong, seed, monkeypatch):
    """The control: nodes the other way round, trees split elsewhere, leaves without their mark."""
    node, half = verifier.node, verifier._half
    changes = {
        "order": ("node", lambda left, right: node(right, left)),
        "half": ("_half", lambda size: size - half(size)),
        "leaf": ("leaf", lambda entry: verifier.sha256(entry).digest()),
    }
    monkeypatch.setattr(verifier, *changes[wrong])
    assert disagreeing(random.Random(seed), 20)

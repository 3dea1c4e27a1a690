"""The tree against RFC 9162's own definitions, written down once more as plain recursion."""

import random
from hashlib import sha256

import pytest

from projections.proofs import tree

SEED = 20261125


def naive(leaves):
    """MTH of section 2.1.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive(leaves[:k]) + naive(leaves[k:])).digest()


def path(m, leaves):
    """PATH of section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*path(m, leaves[:k]), naive(leaves[k:])]
    return [*path(m - k, leaves[k:]), naive(leaves[:k])]


def subproof(m, leaves, whole):
    """SUBPROOF of section 2.1.4.1."""
    if m == len(leaves):
        return [] if whole else [naive(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*subproof(m, leaves[:k], whole), naive(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), naive(leaves[:k])]


class Kept:
    """A tree in tiles, grown in pieces."""

    def __init__(self):
        self.tiles, self.size, self.frontier = {}, 0, tree.Frontier()

    def grow(self, leaves):
        self.tiles |= tree.grown(self.size, leaves, self.tile)
        self.size += len(leaves)
        for each in leaves:
            self.frontier.add(each)

    def tile(self, level, index):
        return self.tiles[level, index]

    @property
    def node(self):
        return tree.tiled(self.tile)


def grown(leaves, dice):
    kept, at = Kept(), 0
    while at < len(leaves):
        many = dice.choice([1, 2, 3, 17, 255, 256, 257, 700])
        kept.grow(leaves[at : at + many])
        at += many
    return kept


def made(many):
    return [tree.leaf(b"%d" % each) for each in range(many)]


def agree(size, dice):
    leaves = made(size)
    kept = grown(leaves, dice)
    assert tree.root(kept.node, size) == kept.frontier.root == naive(leaves)
    earlier = dice.randint(1, size)
    assert tree.root(kept.node, earlier) == naive(leaves[:earlier])
    index = dice.randrange(earlier)
    assert tree.inclusion(kept.node, index, earlier) == path(index, leaves[:earlier])
    assert tree.consistency(kept.node, earlier, size) == subproof(earlier, leaves, True)


def test_the_empty_tree_and_the_first_leaf_are_those_of_the_rfc():
    assert tree.root(tree.tiled(lambda *_: b""), 0) == sha256(b"").digest() == tree.Frontier().root
    assert tree.leaf(b"") == sha256(b"\x00").digest()


def test_roots_and_proofs_are_those_of_the_definitions():
    dice = random.Random(SEED)
    for size in [*range(1, 40), 255, 256, 257, 511, 513, 1000]:
        agree(size, dice)


@pytest.mark.long
def test_roots_and_proofs_of_many_trees():
    dice = random.Random(SEED)
    for _ in range(10_000):
        agree(dice.randint(1, 300), dice)


def test_a_tree_past_two_levels_of_tiles():
    dice = random.Random(SEED)
    size = 66_000
    leaves = made(size)
    kept = Kept()
    for at in range(0, size, 1000):
        kept.grow(leaves[at : at + 1000])
    assert tree.root(kept.node, size) == kept.frontier.root
    assert (2, 0) in kept.tiles
    index = dice.randrange(size)
    assert len(tree.inclusion(kept.node, index, size)) in (16, 17)


def test_a_span_is_joined_to_the_root_by_what_lies_outside_it():
    dice = random.Random(SEED)
    for _ in range(200):
        size = dice.randint(1, 600)
        leaves = made(size)
        kept = grown(leaves, dice)
        begin = dice.randrange(size)
        end = dice.randint(begin + 1, size)
        left, right = tree.outside(kept.node, begin, end, size)
        before, behind = iter(left), iter(right)

        def up(low, high, begin=begin, end=end, before=before, behind=behind, leaves=leaves):
            if high <= begin:
                return next(before)
            if low >= end:
                return next(behind)
            if high - low == 1:
                return leaves[low]
            middle = low + (1 << ((high - low - 1).bit_length() - 1))
            return tree.join(up(low, middle), up(middle, high))

        assert up(0, size) == naive(leaves)
        assert next(before, None) is None is next(behind, None)


def test_a_frontier_goes_on_from_where_it_was_kept_and_refuses_another_size():
    leaves = made(300)
    whole = tree.Frontier()
    for each in leaves[:177]:
        whole.add(each)
    again = tree.Frontier(177, whole.roots)
    for each in leaves[177:]:
        again.add(each)
    assert again.root == naive(leaves)
    with pytest.raises(ValueError, match="complete subtrees"):
        tree.Frontier(178, whole.roots[:1])


@pytest.mark.parametrize(("first", "second"), [(0, 3), (4, 3)])
def test_there_is_no_proof_of_what_cannot_be(first, second):
    with pytest.raises(ValueError, match="not the beginning"):
        tree.consistency(tree.tiled(lambda *_: b""), first, second)
    with pytest.raises(ValueError, match="not the beginning"):
        tree.continued(first, second, tree.EMPTY, [])


def test_every_proof_between_small_trees_holds_and_none_does_once_a_bit_or_a_hash_of_it_is_another():
    for second in range(1, 18):
        leaves = made(second)
        for first in range(1, second + 1):
            roots, proof = (naive(leaves[:first]), naive(leaves)), subproof(first, leaves, True)
            assert tree.continued(first, second, roots[0], proof) == roots
            for at, each in enumerate(proof):
                wrong = [*proof[:at], bytes([each[0] ^ 1, *each[1:]]), *proof[at + 1 :]]
                assert tree.continued(first, second, roots[0], wrong) != roots
            for length in ([*proof, tree.EMPTY], *([proof[:-1]] if proof else [])):
                with pytest.raises(ValueError, match="proof is too"):
                    tree.continued(first, second, roots[0], length)

"""The Merkle tree of RFC 9162, section 2.1, with SHA-256: what a log's leaves add up to, and proofs of it.

Trees are given by the hashes of their complete subtrees, `node(level, index)` being that of the 2**level leaves from
index * 2**level on. What grows is kept as tiles of 256 of them (c2sp.org/tlog-tiles): those of every eighth level.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

Node = Callable[[int, int], bytes]
Tiles = Callable[[int, int], bytes]
"""The hashes of a tile, joined, by its level and index: as many as there are, 256 at most."""

EMPTY = sha256(b"").digest()
HASH, WIDTH, HEIGHT = 32, 256, 8
"""Bytes of a hash; hashes of a tile, and the levels it spans."""


def leaf(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def join(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """All that is needed to go on with a tree: the roots of its complete subtrees, the largest first."""

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        """Raises `ValueError` where there are not as many roots as the size has binary digits of 1."""
        if len(roots) != size.bit_count() or size < 0:
            raise ValueError(f"A tree of {size} leaves has {size.bit_count()} complete subtrees, not {len(roots)}.")
        self.size = size
        self.roots = list(roots)

    def add(self, leaf: bytes) -> None:
        size, grown = self.size, leaf
        while size & 1:
            grown = join(self.roots.pop(), grown)
            size >>= 1
        self.roots.append(grown)
        self.size += 1

    @property
    def root(self) -> bytes:
        if not self.roots:
            return EMPTY
        *rest, found = self.roots
        for each in reversed(rest):
            found = join(each, found)
        return found


def tiled(tiles: Tiles) -> Node:
    """The nodes of a tree that is kept in tiles. Raises `LookupError` for one that is not there."""

    def node(level: int, index: int) -> bytes:
        tall, short = divmod(level, HEIGHT)
        many = 1 << short
        tile, first = divmod(index * many, WIDTH)
        found = tiles(tall, tile)[first * HASH : (first + many) * HASH]
        if len(found) != many * HASH:
            raise LookupError(f"Tile {tall}/{tile} holds no hashes {first} to {first + many - 1}.")
        return rolled(found)

    return node


def rolled(hashes: bytes) -> bytes:
    """The hash over a complete subtree, given those of its lowest row."""
    row = [hashes[at : at + HASH] for at in range(0, len(hashes), HASH)]
    while len(row) > 1:
        row = [join(*pair) for pair in zip(row[::2], row[1::2], strict=True)]
    return row[0]


def grown(size: int, leaves: Sequence[bytes], tiles: Tiles) -> dict[tuple[int, int], bytes]:
    """The tiles that change when leaves come to a tree of this size, whole, by level and index."""
    changed: dict[tuple[int, int], bytes] = {}
    level, coming = 0, leaves
    while coming:
        full: list[bytes] = []
        at = size >> (level * HEIGHT)
        for each in _filled(at, coming):
            index, hashes = each
            whole = (tiles(level, index) if index == at // WIDTH and at % WIDTH else b"") + b"".join(hashes)
            changed[level, index] = whole
            if len(whole) == WIDTH * HASH:
                full.append(rolled(whole))
        level, coming = level + 1, full
    return changed


def _filled(at: int, coming: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """What comes to each tile of a level that holds `at` hashes."""
    start = 0
    while start < len(coming):
        index, held = divmod(at + start, WIDTH)
        yield index, coming[start : start + WIDTH - held]
        start += WIDTH - held


def root(node: Node, size: int) -> bytes:
    return subtree(node, 0, size) if size else EMPTY


def subtree(node: Node, begin: int, end: int) -> bytes:
    """The hash over the leaves from `begin` to before `end`, where the tree splits so that there is one."""
    many = end - begin
    if many & (many - 1) == 0:
        return node(many.bit_length() - 1, begin // many)
    middle = begin + _half(many)
    return join(subtree(node, begin, middle), subtree(node, middle, end))


def inclusion(node: Node, index: int, size: int) -> list[bytes]:
    """The path of section 2.1.3.1 from leaf `index`, counted from 0, lowest first. Raises `ValueError`."""
    if not 0 <= index < size:
        raise ValueError(f"There is no leaf {index} in a tree of {size}.")
    left, right = outside(node, index, index + 1, size)
    path, begin, end = list[bytes](), 0, size
    # Both lists are in the order of the leaves; the path goes from the root down, turned round.
    behind = list(right)
    before = list(left)
    while end - begin > 1:
        middle = begin + _half(end - begin)
        if index < middle:
            path.append(behind.pop())
            end = middle
        else:
            path.append(before.pop(0))
            begin = middle
    return path[::-1]


def consistency(node: Node, first: int, second: int) -> list[bytes]:
    """The proof of section 2.1.4.1 that a tree of `first` leaves is the beginning of one of `second`.

    Raises `ValueError` unless 0 < first <= second.
    """
    if not 0 < first <= second:
        raise ValueError(f"A tree of {first} leaves is not the beginning of one of {second}.")
    path, begin, end, whole = list[bytes](), 0, second, True
    while begin + (end - begin) != first:
        middle = begin + _half(end - begin)
        if first <= middle:
            path.append(subtree(node, middle, end))
            end = middle
        else:
            path.append(subtree(node, begin, middle))
            begin, whole = middle, False
    return [*([] if whole else [subtree(node, begin, end)]), *reversed(path)]


def continued(first: int, second: int, root: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots of both trees, as a consistency proof (section 2.1.4.2) has them, where `root` is the first's.

    The proof holds where both are the roots that were signed. Raises `ValueError` unless 0 < first <= second, and
    where the path is longer or shorter than it is between such trees.
    """
    if not 0 < first <= second:
        raise ValueError(f"A tree of {first} leaves is not the beginning of one of {second}.")
    left = list(path)

    def up(first: int, second: int, *, whole: bool) -> tuple[bytes, bytes]:
        if first == second:
            same = root if whole else left.pop(0)
            return same, same
        half = _half(second)
        if first <= half:
            before, after = up(first, half, whole=whole)
            return before, join(after, left.pop(0))
        before, after = up(first - half, second - half, whole=False)
        beside = left.pop(0)
        return join(beside, before), join(beside, after)

    try:
        roots = up(first, second, whole=True)
    except IndexError:
        raise ValueError("The consistency proof is too short.") from None
    if left:
        raise ValueError("The consistency proof is too long.")
    return roots


def outside(node: Node, begin: int, end: int, size: int) -> tuple[list[bytes], list[bytes]]:
    """The hashes that join the leaves from `begin` to before `end` to the root: before them and behind, in order."""
    left, right = list[bytes](), list[bytes]()

    def down(low: int, high: int) -> None:
        if high <= begin:
            left.append(subtree(node, low, high))
        elif low >= end:
            right.append(subtree(node, low, high))
        elif low < begin or high > end:
            middle = low + _half(high - low)
            down(low, middle)
            down(middle, high)

    if size:
        down(0, size)
    return left, right


def _half(many: int) -> int:
    """The largest power of two below."""
    return 1 << ((many - 1).bit_length() - 1)

"""What was sealed of a log, held against its leaves as they are read again: tiles, checkpoints, and the root."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from adapters.proofs.grove import Grove
from adapters.proofs.sealer import BATCH
from adapters.proofs.seen import seen
from adapters.proofs.signer import Before, Refusing, verify
from projections.proofs import note, tree
from projections.proofs.found import MOST, Findings

_LATE = timedelta(minutes=1)
"""After which a checkpoint that was signed and is not published was taken away, not just signed before a crash."""


class Seals:
    """`take` each leaf in order, say where there is a `gap`, then `end`."""

    def __init__(
        self,
        grove: Grove,
        key: str | None,
        signed: tuple[int, bytes],
        last: str | None,
        findings: Findings,
        before: Before | None = None,
    ) -> None:
        """`before` is what was signed of the log where it came from."""
        self._grove = grove
        self._key = key
        self._size, self._root = signed
        self._last = last
        self._found = findings
        self._read = tree.Frontier()
        self._kept = tree.Frontier()
        self._tile: tuple[int, bytes] = -1, b""
        self._differ: list[int] = []
        self._gone: list[tuple[int, int]] = []
        self._sealed = 0
        self._good = 0
        """The size of the last checkpoint, properly signed, that the leaves add up to."""
        self._bad = self._size
        """That of the first that they do not."""
        self._next = grove.seal_after(0)
        self._before = before

    def take(self, position: int, hashed: bytes | None) -> None:
        if position > self._size or position != self._read.size + 1:
            return
        stored = self._stored(position)
        if hashed is not None and stored != hashed and len(self._differ) < MOST:
            self._differ.append(position)
        self._read.add(hashed or bytes(tree.HASH))
        self._kept.add(stored or bytes(tree.HASH))
        if self._before and position == self._before.size and self._read.root != self._before.root:
            self._found.add("came", "These are not the events that were signed where the log came from.", 1, position)
        while self._next and self._next[0] <= position:
            self._checkpoint(*self._next)
            self._next = self._grove.seal_after(self._next[0])

    def gap(self, first: int, last: int) -> None:
        self._gone.append((first, last))
        for position in range(first, min(last, self._size) + 1):
            self.take(position, None)

    def end(self) -> None:
        while self._next:
            self._checkpoint(*self._next)
            self._next = self._grove.seal_after(self._next[0])
        self._published()
        if self._size:
            self._measure()
        self._heights()

    def _measure(self) -> None:
        """The leaves against what the signer remembers; where they are others, which ones."""
        if self._read.root == self._root:
            for each in self._differ:
                self._found.add("tile", "The stored tree holds another hash than that of this event.", each)
        elif self._kept.root == self._root:
            for each in self._differ:
                self._found.add("altered", "It is not the event that was sealed at this position.", each)
        elif not self._gone:
            why = "Somewhere in this span an event is not what was sealed, and the stored tree was changed to fit it."
            self._found.add("altered", why, self._good + 1, self._bad)

    def _checkpoint(self, size: int, text: str) -> None:
        if why := self._wrong(size, text):
            self._found.add("checkpoint", why, size)
        else:
            self._follows(size, note.after(text))
            if note.parse(text)[1] == self._read.root:
                self._good = size
            else:
                self._bad = min(self._bad, size)
        self._sealed = max(self._sealed, size)
        if len(seen(self._grove, size, text)) < len(self._grove.cosignatures(size)):
            self._found.add("cosignature", "What is kept as a witness's signature of this checkpoint is none.", size)

    def _follows(self, size: int, after: int | None) -> None:
        if after is not None and after != self._sealed:
            self._found.add("checkpoint", f"That of {after} events is gone, which the one of {size} follows.", after)

    def _wrong(self, size: int, text: str) -> str:
        """Why a kept checkpoint is none of the signer's."""
        if size > self._size:
            return f"There is a checkpoint of {size} events; no more than {self._size} were signed."
        try:
            origin, said, _ = verify(text, note.name(self._grove.tenant), _public(self._key))
        except Refusing:
            return "This checkpoint was edited, or signed by another key."
        if (origin, said) != (note.origin(self._grove.tenant, self._grove.generation), size):
            return "This checkpoint is of another tree."
        if size == self._size and text != self._last:
            return "This checkpoint is not the one that was signed."
        return ""

    def _published(self) -> None:
        """Whether checkpoints were taken away. What was signed before a crash is published at the next start."""
        held = self._grove.extent()
        if held > self._sealed:
            self._found.add("checkpoint", f"The stored tree has {held} events; its checkpoint is gone.", held)
        elif self._size > self._sealed:
            late = datetime.now(UTC) - _LATE > note.sealed_at(self._last or "")
            if late or self._size - self._sealed > BATCH:
                self._found.add("checkpoint", f"The checkpoint of {self._size} events is gone.", self._size)

    def _heights(self) -> None:
        """The stored tree above its lowest tiles: each hash is that over a whole tile below."""
        level, count = 1, self._grove.extent() // tree.WIDTH
        while count:
            for below in range(count):
                index, at = divmod(below, tree.WIDTH)
                content = self._grove.stored(level - 1, below)
                whole = len(content) == tree.WIDTH * tree.HASH
                if not whole or tree.rolled(content) != _hash(self._grove.stored(level, index), at):
                    first = below * tree.WIDTH**level + 1
                    self._found.add("tile", f"Tile {level}/{index} is not what the tiles below add up to.", first)
            level, count = level + 1, count // tree.WIDTH

    def _stored(self, position: int) -> bytes:
        index, at = divmod(position - 1, tree.WIDTH)
        if self._tile[0] != index:
            self._tile = index, self._grove.stored(0, index)
        return _hash(self._tile[1], at)


def _hash(hashes: bytes, at: int) -> bytes:
    return hashes[at * tree.HASH : (at + 1) * tree.HASH]


def _public(key: str | None) -> Any:
    """Raises `Refusing` where the tenant has no key."""
    if key is None:
        raise Refusing("Nothing was signed for this tenant.")
    return Ed25519PublicKey.from_public_bytes(b64decode(key.split("+", 2)[2])[1:])

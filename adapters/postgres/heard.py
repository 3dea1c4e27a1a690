"""The words that a view's events are found by, held against what those events say.

Who takes a word away hides its event from a search, and shows nothing else of it. Memory holds two numbers for each
event, eight bytes each: what the log makes of its words, less what is stored.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence

from adapters.postgres.spoken import HIDDEN, opened, sealed, tokens
from domain.kernel import Erased
from projections.words import Hidden, Words
from tenants.keys import Misplaced, Missing, Tokens

_GONE = Erased()
_SIZE = 2**64


class Heard:
    """`say` all that the log makes of them, then ask what is `unlike` the stored."""

    def __init__(self, keys: Tokens) -> None:
        self._keys = keys
        self._plain, self._hidden = array("Q"), array("Q")
        self._dim = set[int]()
        """Events with a text that nobody can open any more: what is hidden of them is not compared."""

    def say(self, said: Sequence[tuple[int, Words]]) -> None:
        """What these positions' events say."""
        parts = sealed(said)
        known = self._known(parts)
        self._dim |= {position for (position, _), value in zip(parts, known, strict=True) if isinstance(value, Erased)}
        # A word that is in two texts of an event is stored once.
        for token, position in {each[:2] for each in tokens(said, parts, known, self._keys)}:
            if (lacks := position + 1 - len(self._plain)) > 0:
                for bag in (self._plain, self._hidden):
                    bag.extend(bytes(lacks))
            self._count(token, position, 1)

    def unlike(self, stored: Iterable[tuple[bytes, int]]) -> Iterator[int]:
        """The positions whose stored words are others, in their order."""
        strange = set[int]()
        for token, position in stored:
            if 0 <= position < len(self._plain):
                self._count(token, position, -1)
            else:
                strange.add(position)
        for position, (plain, hidden) in enumerate(zip(self._plain, self._hidden, strict=True)):
            if plain or (hidden and position not in self._dim):
                yield position
        yield from sorted(strange)

    def _count(self, token: bytes, position: int, by: int) -> None:
        # Python's own hash is keyed anew in each process: nobody can make words whose hashes add up to the same.
        bag = self._hidden if token.startswith(HIDDEN) else self._plain
        bag[position] = (bag[position] + by * hash(token)) % _SIZE

    def _known(self, parts: Sequence[tuple[int, Hidden]]) -> Sequence[object]:
        try:
            return opened(parts, self._keys)
        except (Misplaced, Missing, LookupError):
            return [_GONE] if len(parts) == 1 else [value for each in parts for value in self._known([each])]

"""Values kept for a moment: looked up again before they are too old to be true."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Fresh(Generic[K, V]):
    """The value of each key, never older than `limit` seconds.

    From half that age on one caller looks it up again while the others go on with the old one; past it, everybody looks
    for themselves. So no caller waits for another, and event loops may share it.
    """

    def __init__(
        self,
        look: Callable[[K], Awaitable[V]],
        limit: float = 1.0,
        most: int = 10_000,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._look = look
        self._limit = limit
        self._half = limit / 2
        self._most = most
        self._clock = clock
        self._kept: OrderedDict[K, tuple[V, float, float]] = OrderedDict()
        """Each value, when it was looked up, and when somebody last set out to look it up again."""

    def peek(self, key: K) -> V | None:
        """The value where it is at hand and nobody need look for it; None only says that `get` has to be asked."""
        if kept := self._kept.get(key):
            value, since, asked = kept
            now = self._clock()
            if now - max(since, asked) < self._half and now - since < self._limit:
                return value
        return None

    async def get(self, key: K) -> V:
        now = self._clock()
        if kept := self._kept.get(key):
            value, since, asked = kept
            if now - max(since, asked) < self._half and now - since < self._limit:
                return value
            self._kept[key] = (value, since, now)
        value = await self._look(key)
        # The value may be as old as the moment at which the look-up began; somebody may have looked later meanwhile.
        if key not in self._kept or self._kept[key][1] <= now:
            self._kept[key] = (value, now, now)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return value

    def drop(self, key: K) -> None:
        self._kept.pop(key, None)

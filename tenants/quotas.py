"""How much one caller may ask: decided from memory, before anything else is touched."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

MOST = 100_000
"""Callers that are remembered; the one not seen for longest is forgotten first."""
_ROUNDING = 1e-6
"""Of a request: the last one of a full limit must not fall to the arithmetic."""


class Verdict(NamedTuple):
    allowed: bool
    remaining: int
    """Requests that would be allowed at this moment."""
    reset: float
    """Seconds until the whole limit is free again."""
    retry: float
    """Seconds until one more request would be allowed; 0 where one is."""


class Quota:
    """`limit` requests at once per caller, refilled evenly over `window` seconds (generic cell rate algorithm).

    A process decides on its own memory: `share` is its part of a limit that several processes keep together. One
    instance belongs to one event loop.
    """

    def __init__(self, limit: float, window: float = 60.0, share: float = 1.0) -> None:
        self.limit = max(1, int(limit * share))
        self.window = window
        self._gap = window / self.limit
        self._full: OrderedDict[Hashable, float] = OrderedDict()
        """When each caller's limit will be whole again."""

    def take(self, caller: Hashable, now: float, cost: int = 1) -> Verdict:
        """Count `cost` requests, or none where they are more than is left; a cost of 0 only looks.

        `now` is in seconds of any steady clock.
        """
        full = max(self._full.get(caller, now), now)
        allowed = self._over(full, now, cost) <= 0
        if allowed and cost:
            full += cost * self._gap
            self._keep(caller, full)
        remaining = int((now + self.window - full) / self._gap + _ROUNDING)
        retry = 0.0 if allowed and remaining else self._over(full, now, max(cost, 1))
        return Verdict(allowed, remaining, full - now, max(retry, 0.0))

    def counted(self, caller: Hashable) -> bool:
        """Whether anything may be counted against the caller; of one that nothing is, there is nothing to look at."""
        return caller in self._full

    def _over(self, full: float, now: float, cost: int) -> float:
        """Seconds by which so many requests more would overrun the window."""
        return full + (cost - _ROUNDING) * self._gap - now - self.window

    def _keep(self, caller: Hashable, full: float) -> None:
        self._full[caller] = full
        self._full.move_to_end(caller)
        if len(self._full) > MOST:
            self._full.popitem(last=False)

"""Sets of outcomes that hold the true one nine times in ten, whatever the model and however the world drifts.

Split conformal prediction on the labels learned last (Vovk et al.), whose level follows what was missed (adaptive
conformal inference, Gibbs and Candès 2021). A set is never empty: it holds at least the likelier outcome.
"""

from bisect import bisect_left, insort
from collections import deque
from math import ceil, isfinite

from projections.predictions.definition import Definition


class Conformal:
    """`threshold` is the largest 1 - p(outcome) that a set admits."""

    def __init__(self, definition: Definition) -> None:
        self._target = self._alpha = definition.alpha
        self._pace = definition.pace
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []
        self._size = definition.calibration
        self.threshold = 1.0

    @property
    def state(self) -> tuple[float, list[float]]:
        """All of it: the level, and the surprises it draws from, the oldest first."""
        return self._alpha, list(self._recent)

    @state.setter
    def state(self, state: tuple[float, list[float]]) -> None:
        self._alpha, recent = state
        self._recent, self._sorted = deque(recent), sorted(recent)
        self.threshold = self._quantile()

    def sets(self, probability: float) -> tuple[str, ...]:
        """The likely outcomes, the likelier first, at a probability of winning."""
        ranked = sorted((("won", probability), ("lost", 1 - probability)), key=lambda each: -each[1])
        return tuple(name for rank, (name, chance) in enumerate(ranked) if rank == 0 or 1 - chance <= self.threshold)

    def learn(self, surprise: float, missed: bool) -> None:  # noqa: FBT001 - missing is a truth value
        """`surprise` is 1 - p(the outcome that came), `missed` whether the set given at the time lacked it."""
        self._alpha += self._pace * (self._target - missed)
        self._recent.append(surprise)
        insort(self._sorted, surprise)
        if len(self._recent) > self._size:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]
        self.threshold = self._quantile()

    def _quantile(self) -> float:
        count = len(self._sorted)
        rank = ceil((count + 1) * (1 - self._alpha))
        if rank > count or not isfinite(self._alpha):
            return 1.0
        return self._sorted[max(rank, 1) - 1]

"""Which candidate predicts: the one that proved better on the labels that came in last."""

from collections import deque
from collections.abc import Mapping
from math import log

from domain.predictions import Standing
from projections.predictions.definition import Definition


class Contest:
    """Compares candidates with the champion on the same labels, predicted before they were known."""

    def __init__(self, definition: Definition) -> None:
        self.champion = definition.champion
        self._definition = definition
        self._rivals = [each.name for each in definition.candidates if not each.reference]
        self._losses: deque[dict[str, float]] = deque(maxlen=definition.window)
        self._labels = 0

    @property
    def state(self) -> tuple[str, list[dict[str, float]], int]:
        """All of it: the champion, what the last labels cost each, and how many labels there were."""
        return self.champion, list(self._losses), self._labels

    @state.setter
    def state(self, state: tuple[str, list[dict[str, float]], int]) -> None:
        self.champion, losses, self._labels = state
        self._losses.clear()
        self._losses.extend(losses)

    def learn(self, probabilities: Mapping[str, float], won: bool) -> tuple[Standing, ...]:  # noqa: FBT001 - a label is a truth value
        """Score what each candidate said; answers the standings if they change the champion."""
        self._losses.append({name: _loss(each, won) for name, each in probabilities.items() if name in self._rivals})
        self._labels += 1
        if self._labels % self._definition.every:
            return ()
        challenger, gain = max(((name, self._gain(name)) for name in self._rivals), key=lambda each: each[1])
        if gain < self._definition.margin:
            return ()
        standings = self.standings()
        self.champion = challenger
        return standings

    def standings(self) -> tuple[Standing, ...]:
        by_name = {name: [row[name] for row in self._losses if name in row] for name in self._rivals}
        return tuple(Standing(name, sum(each) / len(each), len(each)) for name, each in by_name.items() if each)

    def _gain(self, name: str) -> float:
        """Nats of log loss per label by which a candidate beats the champion; 0 where there are too few labels."""
        pairs = [row[self.champion] - row[name] for row in self._losses if name in row and self.champion in row]
        return sum(pairs) / len(pairs) if len(pairs) >= self._definition.least else 0.0


def _loss(probability: float, won: bool) -> float:  # noqa: FBT001 - a label is a truth value
    return -log(probability if won else 1 - probability)

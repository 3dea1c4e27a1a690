"""What the learner needs of the libraries that learn; adapters for River and scikit-learn implement it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.predictions import Features

LIMIT = 9.0
"""Log-odds are kept within ± this, so that one confident member cannot silence the others."""


class Scorer(Protocol):
    """Says what the log-odds of winning are, and why. Pure: the same state and features give the same bits."""

    def score(self, features: Features) -> float: ...

    def explain(self, features: Features) -> Mapping[str, float]:
        """Contributions to the log-odds by feature; with a constant of the scorer's own they add up to the score."""
        ...

    def digest(self) -> str:
        """SHA-256 (hex) of a canonical form of the state, never of pickled bytes."""
        ...

    def dump(self) -> bytes:
        """The whole state in a typed form; what is loaded from it says the same, bit for bit."""
        ...


class Online(Scorer, Protocol):
    """Learns one label at a time."""

    def learn(self, features: Features, won: bool) -> None: ...  # noqa: FBT001 - a label is a truth value

    def load(self, dumped: bytes) -> None:
        """Go on from what another of the same kind dumped."""
        ...


class Challenger(Protocol):
    """Learns from all labels at once, again and again."""

    def observe(self, features: Features, won: bool) -> None:  # noqa: FBT001 - a label is a truth value
        """Keep a label for later fits; cheap."""
        ...

    def fit(self, labels: int) -> Scorer | None:
        """Fit to the first so many labels observed, or answer None if they cannot teach (one outcome only).

        Runs in a thread of its own while `observe` goes on, and depends on nothing but those labels.
        """
        ...

    def load(self, dumped: bytes) -> Scorer:
        """What a fit came to, from what that dumped."""
        ...

    def dump(self) -> bytes:
        """All labels observed, in a typed form."""
        ...

    def restore(self, dumped: bytes) -> None:
        """Go on with the labels that another of the same kind dumped."""
        ...


class Engine(Protocol):
    """Makes the members that a definition names."""

    def online(self) -> Mapping[str, Online]: ...

    def challengers(self) -> Mapping[str, Challenger]: ...

    def build(self) -> str:
        """Identifies the program, its libraries and the processor: bit equality is claimed within one build."""
        ...


def mean(logits: Mapping[str, float], weights: Sequence[tuple[str, float]]) -> float | None:
    """The weighted mean of members' log-odds; None while one of them cannot speak."""
    if any(name not in logits for name, _ in weights):
        return None
    return sum(weight * max(-LIMIT, min(LIMIT, logits[name])) for name, weight in weights)

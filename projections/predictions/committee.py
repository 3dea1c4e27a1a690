"""The members that score a prospect, and what the candidates made of them say."""

from hashlib import sha256
from heapq import nsmallest
from math import exp

from msgspec import msgpack

from domain.predictions import Features, Reason
from projections.predictions.definition import Definition
from projections.predictions.engine import Online, Scorer, mean
from projections.predictions.features import JOINED


class Committee:
    def __init__(self, definition: Definition, online: dict[str, Online]) -> None:
        self._definition = definition
        self._online = online
        self._members: dict[str, Scorer] = dict(online)
        self._labels: dict[str, int] = {}
        self._weights = {each.name: each.members for each in definition.candidates}
        self._digest: str | None = None

    @property
    def refits(self) -> tuple[tuple[str, int], ...]:
        """How many labels each challenger in use was fitted to."""
        return tuple(sorted(self._labels.items()))

    @property
    def adopted(self) -> dict[str, tuple[int, Scorer]]:
        """Each challenger in use, and how many labels it was fitted to."""
        return {name: (labels, self._members[name]) for name, labels in self._labels.items()}

    def learn(self, features: Features, won: bool) -> None:  # noqa: FBT001 - a label is a truth value
        for online in self._online.values():
            online.learn(features, won)
        self.changed()

    def changed(self) -> None:
        """Members say something else now."""
        self._digest = None

    def adopt(self, challenger: str, labels: int, scorer: Scorer) -> None:
        self._members[challenger] = scorer
        self._labels[challenger] = labels
        self.changed()

    def speaks(self, candidate: str) -> bool:
        """Whether all of a candidate's members are there."""
        return all(member in self._members for member, _ in self._weights[candidate])

    def probabilities(self, features: Features) -> dict[str, float]:
        """Of winning, by candidate; a candidate one of whose members was never fitted does not speak."""
        logits = {name: member.score(features) for name, member in self._members.items()}
        means = ((name, mean(logits, weights)) for name, weights in self._weights.items())
        return {name: 1 / (1 + exp(-logit)) for name, logit in means if logit is not None}

    def reasons(self, candidate: str, features: Features) -> tuple[Reason, ...]:
        """The features that moved a candidate most, first those that moved it furthest."""
        moved: dict[str, float] = {}
        for member, weight in self._weights[candidate]:
            for feature, contribution in self._members[member].explain(features).items():
                moved[feature] = moved.get(feature, 0.0) + weight * contribution
        values = dict(features.numbers) | dict.fromkeys(features.codes, 1.0)
        furthest = nsmallest(self._definition.reasons, ((-abs(each), name) for name, each in moved.items()))
        return tuple(Reason(name, values.get(name, float(JOINED in name)), moved[name]) for _, name in furthest)

    def digest(self) -> str:
        """SHA-256 over the canonical states of all members."""
        if self._digest is None:
            members = [(name, member.digest()) for name, member in sorted(self._members.items())]
            self._digest = sha256(msgpack.encode(members)).hexdigest()
        return self._digest

"""Logistic regression fitted to all labels, over the same expanded features as the online one."""

from collections.abc import Mapping
from hashlib import sha256
from itertools import islice

import numpy as np
from msgspec import msgpack
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from adapters.sklearn.labels import Dumped, Outcomes, Table
from domain.predictions import Features
from projections.predictions.features import expand


class Coefficients:
    """`ids` may go on growing behind the columns that were fitted; those are not looked at."""

    def __init__(self, ids: Mapping[str, int], coefficients: list[float], intercept: float) -> None:
        self._ids = ids
        self._coefficients = coefficients
        self._intercept = intercept
        self._digest = sha256(msgpack.encode((coefficients, intercept))).hexdigest()

    def score(self, features: Features) -> float:
        return sum(self.explain(features).values()) + self._intercept

    def explain(self, features: Features) -> Mapping[str, float]:
        known = len(self._coefficients)
        found = ((name, value, self._ids.get(name, known)) for name, value in expand(features).items())
        return {name: value * self._coefficients[id] for name, value, id in found if id < known}

    def digest(self) -> str:
        return self._digest

    def dump(self) -> bytes:
        names = list(islice(self._ids, len(self._coefficients)))
        return msgpack.encode((names, self._coefficients, self._intercept))


class Linear:
    """`strength` is the inverse of the regularisation (scikit-learn's C)."""

    def __init__(self, strength: float) -> None:
        self._strength = strength
        self._inputs = Table()
        self._outcomes = Outcomes()

    def observe(self, features: Features, won: bool) -> None:  # noqa: FBT001 - a label is a truth value
        self._inputs.append(expand(features).items())
        self._outcomes.append(won)

    def fit(self, labels: int) -> Coefficients | None:
        won = self._outcomes.first(labels)
        if won is None:
            return None
        threadpool_limits(1)
        inputs = self._inputs.first(labels)
        starts = np.concatenate(([0], inputs.ends))
        matrix = csr_matrix((inputs.values, inputs.columns, starts), shape=(labels, inputs.width))
        fitted = LogisticRegression(C=self._strength, solver="liblinear").fit(matrix, won)
        return Coefficients(self._inputs.ids, fitted.coef_[0].tolist(), float(fitted.intercept_[0]))

    def load(self, dumped: bytes) -> Coefficients:
        names, coefficients, intercept = msgpack.decode(dumped, type=tuple[list[str], list[float], float])
        return Coefficients({name: id for id, name in enumerate(names)}, coefficients, intercept)

    def dump(self) -> bytes:
        return msgpack.encode((self._inputs.dump(), self._outcomes.dump()))

    def restore(self, dumped: bytes) -> None:
        inputs, outcomes = msgpack.decode(dumped, type=tuple[Dumped, bytes])
        self._inputs.load(inputs)
        self._outcomes.load(outcomes)

"""Boosted trees laid out flat: all trees are walked at once, and the walk tells what moved the score.

scikit-learn's own prediction of one row costs milliseconds of checks; this gives the same log-odds in a fraction of
one.
"""

from hashlib import sha256
from typing import Any, Self

import numpy as np
from msgspec import Struct, msgpack
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

CATEGORIES = 256


WHOLE, REAL, TRUTH = np.dtype("<i8"), np.dtype("<f8"), np.dtype("<u1")
"""How arrays lie in dumps and in digests: little-endian, whatever the machine."""


class Dumped(Struct, frozen=True, array_like=True):
    constant: float
    depth: int
    whole: list[bytes]
    real: list[bytes]
    truth: list[bytes]


class Trees:
    """Nodes of all trees in arrays of one length; a leaf leads to itself."""

    def __init__(self, dumped: Dumped) -> None:
        self._dumped = dumped
        whole = [np.frombuffer(each, WHOLE).astype(np.int64) for each in dumped.whole]
        self._roots, self._left, self._right, self._feature, self._categorical = whole
        self._threshold, self._value = (np.frombuffer(each, REAL).astype(np.float64) for each in dumped.real)
        missing, goes = (np.frombuffer(each, TRUTH).astype(bool) for each in dumped.truth)
        self._missing_left, self._goes_left = missing, goes.reshape(-1, CATEGORIES)
        self._depth, self.constant = dumped.depth, dumped.constant

    @classmethod
    def fitted(cls, model: HistGradientBoostingClassifier) -> Self:
        predictors = [predictor for (predictor,) in model._predictors]  # noqa: SLF001 - the trees have no public form
        nodes = np.concatenate([predictor.nodes for predictor in predictors])
        sizes = [len(predictor.nodes) for predictor in predictors]
        roots = np.cumsum([0, *sizes[:-1]])
        offsets = np.repeat(roots, sizes)
        leaf = nodes["is_leaf"].astype(bool)
        own = np.arange(len(nodes))
        left = np.where(leaf, own, nodes["left"] + offsets)
        right = np.where(leaf, own, nodes["right"] + offsets)
        feature = np.where(leaf, 0, nodes["feature_idx"])
        categorical = np.where(nodes["is_categorical"].astype(bool), _sets(predictors, nodes), -1)
        goes_left = _unpacked([predictor.raw_left_cat_bitsets for predictor in predictors])
        value = _expected(nodes, left, right, leaf)
        return cls(
            Dumped(
                float(model._baseline_prediction.ravel()[0]),  # noqa: SLF001 - no public form either
                int(nodes["depth"].max()),
                [each.astype(WHOLE).tobytes() for each in (roots, left, right, feature, categorical)],
                [each.astype(REAL).tobytes() for each in (nodes["num_threshold"], value)],
                [each.astype(bool).astype(TRUTH).tobytes() for each in (nodes["missing_go_to_left"], goes_left)],
            )
        )

    def dump(self) -> bytes:
        return msgpack.encode(self._dumped)

    @classmethod
    def load(cls, dumped: bytes) -> Self:
        return cls(msgpack.decode(dumped, type=Dumped))

    def score(self, row: NDArray[np.float64]) -> float:
        """Log-odds of one row; NaN is missing."""
        node = self._roots
        for _ in range(self._depth):
            node = self._next(node, row)
        return float(self._value[node].sum()) + self.constant

    def explain(self, row: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each column moved the log-odds by.

        On each tree's path it is the change in the mean of what lies below (Saabas). With the means at the roots and
        the constant they add up to the score.
        """
        moved = np.zeros(len(row))
        node = self._roots
        for _ in range(self._depth):
            child = self._next(node, row)
            moved += np.bincount(self._feature[node], self._value[child] - self._value[node], minlength=len(row))
            node = child
        return moved

    def digest(self) -> str:
        """SHA-256 over the arrays, little-endian, in a fixed order."""
        state = sha256(np.array([self.constant], REAL).tobytes())
        for array in (*self._dumped.whole, *self._dumped.real, *self._dumped.truth):
            state.update(array)
        return state.hexdigest()

    def _next(self, node: NDArray[np.int64], row: NDArray[np.float64]) -> NDArray[np.int64]:
        value = row[self._feature[node]]
        missing = np.isnan(value)
        left = value <= self._threshold[node]
        sets = self._categorical[node]
        listed = self._goes_left[sets, np.where(missing, 0, value).astype(np.int64) % CATEGORIES]
        left = np.where(sets >= 0, listed, left)
        left = np.where(missing, self._missing_left[node], left)
        return np.where(left, self._left[node], self._right[node])


def _sets(predictors: list[Any], nodes: NDArray[Any]) -> NDArray[np.int64]:
    """Each node's set of categories, numbered through all trees."""
    counts = [len(predictor.raw_left_cat_bitsets) for predictor in predictors]
    before = np.repeat(np.cumsum([0, *counts[:-1]]), [len(predictor.nodes) for predictor in predictors])
    return np.asarray(nodes["bitset_idx"] + before, dtype=np.int64)


def _unpacked(bitsets: list[NDArray[np.uint32]]) -> NDArray[np.bool_]:
    """One row of 256 truth values a set; one empty row at least, which index -1 may fall upon."""
    words = np.concatenate([*bitsets, np.zeros((1, 8), dtype=np.uint32)])
    return np.unpackbits(words.astype("<u4").view(np.uint8), axis=1, bitorder="little").astype(bool)


def _expected(
    nodes: NDArray[Any], left: NDArray[np.int64], right: NDArray[np.int64], leaf: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """A leaf's value; above it the mean of what lies below, weighted by the labels that went there."""
    value = nodes["value"].astype(np.float64)
    count = nodes["count"].astype(np.float64)
    for depth in range(int(nodes["depth"].max()) - 1, -1, -1):
        inner = np.flatnonzero((nodes["depth"] == depth) & ~leaf)
        one, other = left[inner], right[inner]
        value[inner] = (value[one] * count[one] + value[other] * count[other]) / (count[one] + count[other])
    return value

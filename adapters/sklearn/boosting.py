"""Gradient boosting fitted to all labels: the commonest numbers as they are, codes as categories of their group."""

from collections.abc import Mapping
from hashlib import sha256

import numpy as np
from msgspec import Struct, msgpack
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from adapters.sklearn.labels import Dumped, Outcomes, Slice, Table
from adapters.sklearn.trees import Trees
from domain.predictions import Features

NUMBERS = 64
GROUPS = 8
KINDS = 250
"""Categories a group may have; scikit-learn takes 255. Rarer ones count as missing."""


class Columns(Struct, frozen=True):
    """What stands in which column: for each group of codes its category, then numbers.

    In that order because scikit-learn puts categories first in the trees, whatever order it is given.
    """

    groups: dict[str, dict[str, int]]
    numbers: dict[str, int]

    @property
    def names(self) -> list[str]:
        return [*self.groups, *self.numbers]

    def empty(self, *rows: int) -> NDArray[np.float64]:
        """No code of any group, and 0 for every number."""
        filled = np.zeros((*rows, len(self.names)))
        filled[..., : len(self.groups)] = np.nan
        return filled

    def row(self, features: Features) -> NDArray[np.float64]:
        row = self.empty()
        codes = _grouped(features.codes)
        for column, (group, kinds) in enumerate(self.groups.items()):
            row[column] = kinds.get(codes.get(group, ""), np.nan)
        for name, value in features.numbers:
            if name in self.numbers:
                row[len(self.groups) + self.numbers[name]] = value
        return row


class Boosted:
    def __init__(self, columns: Columns, trees: Trees) -> None:
        self._columns = columns
        self._trees = trees
        self._digest = sha256(msgpack.encode((columns, trees.digest()))).hexdigest()

    def score(self, features: Features) -> float:
        return self._trees.score(self._columns.row(features))

    def explain(self, features: Features) -> Mapping[str, float]:
        moved = self._trees.explain(self._columns.row(features)).tolist()
        codes = _grouped(features.codes)
        named = (codes.get(name, name) if name in self._columns.groups else name for name in self._columns.names)
        return {name: each for name, each in zip(named, moved, strict=True) if each}

    def digest(self) -> str:
        return self._digest

    def dump(self) -> bytes:
        return msgpack.encode((self._columns, self._trees.dump()))


class Boosting:
    def __init__(self) -> None:
        self._numbers = Table()
        self._codes = Table()
        self._outcomes = Outcomes()

    def observe(self, features: Features, won: bool) -> None:  # noqa: FBT001 - a label is a truth value
        self._numbers.append(features.numbers)
        self._codes.append((code, 1.0) for code in _grouped(features.codes).values())
        self._outcomes.append(won)

    def fit(self, labels: int) -> Boosted | None:
        won = self._outcomes.first(labels)
        if won is None:
            return None
        threadpool_limits(1)
        numbers, codes = self._numbers.first(labels), self._codes.first(labels)
        columns = Columns(_groups(self._codes, codes), _commonest(self._numbers, numbers, NUMBERS))
        matrix = columns.empty(labels)
        for at, kinds in enumerate(columns.groups.values()):
            _place(matrix, codes, {self._codes.ids[code]: (at, float(kind)) for code, kind in kinds.items()})
        after = len(columns.groups)
        _place(matrix, numbers, {self._numbers.ids[name]: (after + at, None) for name, at in columns.numbers.items()})
        return Boosted(columns, Trees.fitted(_classifier(after).fit(matrix, won)))

    def load(self, dumped: bytes) -> Boosted:
        columns, trees = msgpack.decode(dumped, type=tuple[Columns, bytes])
        return Boosted(columns, Trees.load(trees))

    def dump(self) -> bytes:
        return msgpack.encode((self._numbers.dump(), self._codes.dump(), self._outcomes.dump()))

    def restore(self, dumped: bytes) -> None:
        numbers, codes, outcomes = msgpack.decode(dumped, type=tuple[Dumped, Dumped, bytes])
        self._numbers.load(numbers)
        self._codes.load(codes)
        self._outcomes.load(outcomes)


def _classifier(categories: int) -> HistGradientBoostingClassifier:
    """The first columns are categories. Tuned on the demo's first 2,000 applications alone."""
    return HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=100,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        max_features=0.3,
        early_stopping=False,
        categorical_features=list(range(categories)),
        random_state=0,
    )


def _grouped(codes: tuple[str, ...]) -> dict[str, str]:
    """The first code of each group; a code's group is what stands before its first colon."""
    return {code.partition(":")[0]: code for code in reversed(codes)}


def _commonest(table: Table, entries: Slice, most: int) -> dict[str, int]:
    """The names with entries in most rows, each with its rank; equals by first appearance."""
    ranked = np.argsort(-entries.counts, kind="stable")[:most].tolist()
    names = list(table.ids)
    return {names[id]: rank for rank, id in enumerate(ranked)}


def _groups(table: Table, entries: Slice) -> dict[str, dict[str, int]]:
    """The categories of the commonest groups of codes, each with its rank within its group."""
    groups: dict[str, dict[str, int]] = {}
    for code in _commonest(table, entries, entries.width):
        kinds = groups.setdefault(code.partition(":")[0], {})
        if len(kinds) < KINDS:
            kinds[code] = len(kinds)
    return dict(list(groups.items())[:GROUPS])


def _place(matrix: NDArray[np.float64], entries: Slice, where: dict[int, tuple[int, float | None]]) -> None:
    """Put entries of the columns named into their places; with a number given, that number instead of the value."""
    target = np.full(entries.width, -1)
    instead = np.full(entries.width, np.nan)
    for id, (column, number) in where.items():
        target[id] = column
        instead[id] = np.nan if number is None else number
    kept = target[entries.columns] >= 0
    columns = entries.columns[kept]
    values = np.where(np.isnan(instead[columns]), entries.values[kept], instead[columns])
    matrix[entries.rows[kept], target[columns]] = values

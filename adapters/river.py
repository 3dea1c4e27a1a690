"""Members that learn label by label, on River."""

from collections.abc import Mapping
from hashlib import sha256

from msgspec import Struct, msgpack
from river import linear_model, optim, preprocessing
from river.utils import VectorDict

from domain.predictions import Features
from projections.predictions.features import INDUSTRY, SIGNAL, expand


class Weights(Struct, frozen=True, array_like=True):
    """A logistic regression by AdaGrad. The order of the names is that in which the library adds them up."""

    intercept: float
    steps: int
    names: list[str]
    weights: list[float]
    squares: list[float]
    """Sums of the squared gradients."""


def _weights(model: linear_model.LogisticRegression) -> Weights:
    weights, squares = model.weights, model.optimizer.g2
    return Weights(
        float(model.intercept),
        model.optimizer.n_iterations,
        list(weights),
        list(weights.values()),
        [squares[each] for each in weights],
    )


def _set(model: linear_model.LogisticRegression, held: Weights) -> None:
    model.intercept, model.optimizer.n_iterations = held.intercept, held.steps
    model._weights = VectorDict(dict(zip(held.names, held.weights, strict=True)))  # noqa: SLF001 - there is no other way in
    model.optimizer.g2.update(zip(held.names, held.squares, strict=True))


class Logistic:
    """Logistic regression by AdaGrad over the expanded features.

    Its digest is a chain: each label's covers the one before and all that the label changed, so it covers every value
    that any weight ever got, at a cost that does not grow with their number.
    """

    def __init__(self, rate: float) -> None:
        self._model = linear_model.LogisticRegression(optim.AdaGrad(rate))
        self._digest = sha256(msgpack.encode(rate)).digest()

    def score(self, features: Features) -> float:
        return self._logit(expand(features))

    def explain(self, features: Features) -> Mapping[str, float]:
        weight = self._model._weights.get  # noqa: SLF001 - the public property copies the whole table
        return {name: value * weight(name, 0.0) for name, value in expand(features).items()}

    def learn(self, features: Features, won: bool) -> None:  # noqa: FBT001 - a label is a truth value
        inputs = expand(features)
        self._model.learn_one(inputs, won)
        weights, squares = self._model._weights, self._model.optimizer.g2  # noqa: SLF001 - private for speed, as above
        changed = [(name, weights[name], squares[name]) for name in inputs]
        self._digest = sha256(msgpack.encode((self._digest, self._model.intercept, changed))).digest()

    def digest(self) -> str:
        return self._digest.hex()

    def dump(self) -> bytes:
        return msgpack.encode((self._digest, _weights(self._model)))

    def load(self, dumped: bytes) -> None:
        self._digest, held = msgpack.decode(dumped, type=tuple[bytes, Weights])
        _set(self._model, held)

    def _logit(self, inputs: dict[str, float]) -> float:
        return float(self._model._raw_dot_one(inputs))  # noqa: SLF001 - the public probability rounds large logits off


class Plain:
    """The reference: numbers scaled by their largest, codes one-hot, logistic regression by AdaGrad.

    It sees attributes and codes alone: what comes with every prospect of a feed would only lend it a second intercept.
    """

    def __init__(self) -> None:
        self._scaler = preprocessing.MaxAbsScaler()
        self._model = linear_model.LogisticRegression(optim.AdaGrad())

    def score(self, features: Features) -> float:
        return float(self._model._raw_dot_one(self._inputs(features)))  # noqa: SLF001 - private as above, for speed

    def explain(self, features: Features) -> Mapping[str, float]:
        weight = self._model._weights.get  # noqa: SLF001 - private as above, for speed
        return {name: value * weight(name, 0.0) for name, value in self._inputs(features).items()}

    def learn(self, features: Features, won: bool) -> None:  # noqa: FBT001 - a label is a truth value
        self._scaler.learn_one(_attributes(features))  # type: ignore[no-untyped-call] # River leaves it untyped
        self._model.learn_one(self._inputs(features), won)

    def digest(self) -> str:
        """Of how much it learned only: no prediction is made from it."""
        return sha256(msgpack.encode((self._model.intercept, len(self._model.weights)))).hexdigest()

    def dump(self) -> bytes:
        largest = {name: each.abs_max for name, each in self._scaler.abs_max.items()}
        return msgpack.encode((largest, _weights(self._model)))

    def load(self, dumped: bytes) -> None:
        largest, held = msgpack.decode(dumped, type=tuple[dict[str, float], Weights])
        for name, each in largest.items():
            self._scaler.abs_max[name].abs_max = each
        _set(self._model, held)

    def _inputs(self, features: Features) -> dict[str, float]:
        scaled: dict[str, float] = self._scaler.transform_one(  # type: ignore[no-untyped-call] # River leaves it untyped
            _attributes(features)
        )
        return scaled | dict.fromkeys((code for code in features.codes if not code.startswith(INDUSTRY)), 1.0)


def _attributes(features: Features) -> dict[str, float]:
    return {name: value for name, value in features.numbers if not name.startswith(SIGNAL)}


class LastLabel:
    """The leak control: repeats the last label known. Where it scores well, the order gives the outcomes away."""

    def __init__(self) -> None:
        self._logit = 0.0

    def score(self, features: Features) -> float:  # noqa: ARG002 - it looks at nothing, that is the point
        return self._logit

    def explain(self, features: Features) -> Mapping[str, float]:  # noqa: ARG002 - it looks at nothing
        return {}

    def learn(self, features: Features, won: bool) -> None:  # noqa: ARG002, FBT001 - it looks at the label alone
        self._logit = 9.0 if won else -9.0

    def digest(self) -> str:
        return sha256(msgpack.encode(self._logit)).hexdigest()

    def dump(self) -> bytes:
        return msgpack.encode(self._logit)

    def load(self, dumped: bytes) -> None:
        self._logit = msgpack.decode(dumped, type=float)

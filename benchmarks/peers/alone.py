"""River alone, in the leanest form it has: scale, predict, and learn the outcome once it is known."""

import time
from collections.abc import Sequence
from typing import Any

from river import linear_model, optim, preprocessing

from benchmarks.grants import LAG, Application
from domain.predictions import Features
from projections.predictions.features import expand


def plain(applications: Sequence[Application]) -> float:
    """Seconds to predict each application and to learn each outcome 100 applications later."""
    inputs = [(dict(each.attributes), dict.fromkeys(each.codes, 1.0)) for each in applications]
    scaler: Any = preprocessing.MaxAbsScaler()
    model: Any = linear_model.LogisticRegression(optim.AdaGrad())
    seen: list[dict[str, float]] = []
    began = time.perf_counter()
    for number, (numbers, codes) in enumerate(inputs):
        if number >= LAG:
            model.learn_one(seen[number - LAG], applications[number - LAG].won)
        scaler.learn_one(numbers)
        features = scaler.transform_one(numbers) | codes
        model.predict_proba_one(features)
        seen.append(features)
    return time.perf_counter() - began


def same(applications: Sequence[Application]) -> float:
    """The same with the two models that the product runs in River, its inputs made beforehand."""
    inputs = [expand(Features(tuple(sorted(each.attributes.items())), each.codes)) for each in applications]
    model: Any = linear_model.LogisticRegression(optim.AdaGrad(0.2))
    began = time.perf_counter()
    for number, features in enumerate(inputs):
        if number >= LAG:
            model.learn_one(inputs[number - LAG], applications[number - LAG].won)
        model.predict_proba_one(features)
    return time.perf_counter() - began + plain(applications)

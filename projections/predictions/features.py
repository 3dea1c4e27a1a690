"""Features as linear models see them: logarithms of numbers, codes, and codes that come together."""

from functools import lru_cache
from itertools import combinations
from math import copysign, log1p

from domain.predictions import Features

JOINED = " & "
INDUSTRY = "industry:"
SIGNAL = "signal:"
CROSSED = 6
"""Codes beyond these stand alone: their pairs would grow with the square."""


@lru_cache(maxsize=512)
def expand(features: Features) -> dict[str, float]:
    """Named inputs, in an order given by the features alone. Kept for members that ask again: not to be changed."""
    inputs = {name: copysign(log1p(abs(value)), value) for name, value in features.numbers}
    inputs |= dict.fromkeys(features.codes, 1.0)
    # An industry is coarse and often the same for all: crossed, it would say everything twice.
    crossed = [code for code in features.codes if not code.startswith(INDUSTRY)][:CROSSED]
    inputs |= dict.fromkeys(map(JOINED.join, combinations(crossed, 2)), 1.0)
    inputs |= dict.fromkeys(map(JOINED.join, combinations(crossed, 3)), 1.0)
    return inputs

"""The engine: members on River and scikit-learn, and the build they belong to."""

import platform
import sys
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files

from adapters.river import LastLabel, Logistic, Plain
from adapters.sklearn.boosting import Boosting
from adapters.sklearn.linear import Linear
from projections.predictions.engine import Challenger, Online

LIBRARIES = ("river", "scikit-learn", "numpy", "scipy", "msgspec")
PROGRAM = ("adapters", "adapters.sklearn", "projections.predictions")


class Libraries:
    """Rate and strength were tuned on the demo's first 2,000 applications alone."""

    def online(self) -> Mapping[str, Online]:
        return {"online": Logistic(rate=0.2), "plain": Plain(), "last-label": LastLabel()}

    def challengers(self) -> Mapping[str, Challenger]:
        return {"boosting": Boosting(), "linear": Linear(strength=0.3)}

    def build(self) -> str:
        return build()


@cache
def build() -> str:
    """SHA-256 over what may change a bit: the learner's source, the libraries, Python and the architecture."""
    digest = sha256(f"{sys.version} {platform.machine()} {platform.libc_ver()}".encode())
    for library in LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    for package in PROGRAM:
        sources = (each for each in files(package).iterdir() if each.name.endswith(".py"))
        for source in sorted(sources, key=lambda each: each.name):
            digest.update(source.read_bytes())
    return digest.hexdigest()

"""Where ports meet adapters, and nowhere else."""

from adapters import recovery
from api.bootstrap.capabilities import DECIDERS, MODELS
from api.bootstrap.product import Product, journal, moving, product, proofs, signer_of
from api.bootstrap.servers import embedded, holes, migrate, wiped
from api.bootstrap.troubles import FULL, KEYLESS, PLAIN, UNAVAILABLE
from api.bootstrap.work import erasing, learner, learning, relay, runner, scorer, sealing, store, views

__all__ = [
    "DECIDERS",
    "FULL",
    "KEYLESS",
    "MODELS",
    "PLAIN",
    "UNAVAILABLE",
    "Product",
    "embedded",
    "erasing",
    "holes",
    "journal",
    "learner",
    "learning",
    "migrate",
    "moving",
    "product",
    "proofs",
    "recovery",
    "relay",
    "runner",
    "scorer",
    "sealing",
    "signer_of",
    "store",
    "views",
    "wiped",
]

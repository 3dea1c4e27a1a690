"""Where ports meet adapters, and nowhere else."""

from adapters import recovery
from adapters.documents import DOCUMENTS
from adapters.keyring import BACK
from api.bootstrap.capabilities import DECIDERS, MODELS
from api.bootstrap.product import Product, deliveries, journal, moving, product, proofs, reread, signer_of, standing
from api.bootstrap.servers import embedded, holes, migrate, wiped
from api.bootstrap.troubles import FULL, KEYLESS, PLAIN, REFUSING, REVOKED, UNAVAILABLE, UNOPENED, UNVERIFIABLE
from api.bootstrap.work import (
    checking,
    delivering,
    erasing,
    held,
    keeping,
    learner,
    learning,
    relay,
    reporting,
    runner,
    scorer,
    sealing,
    store,
    views,
    witnessing,
)

__all__ = [
    "BACK",
    "DECIDERS",
    "DOCUMENTS",
    "FULL",
    "KEYLESS",
    "MODELS",
    "PLAIN",
    "REFUSING",
    "REVOKED",
    "UNAVAILABLE",
    "UNOPENED",
    "UNVERIFIABLE",
    "Product",
    "checking",
    "deliveries",
    "delivering",
    "embedded",
    "erasing",
    "held",
    "holes",
    "journal",
    "keeping",
    "learner",
    "learning",
    "migrate",
    "moving",
    "product",
    "proofs",
    "recovery",
    "relay",
    "reporting",
    "reread",
    "runner",
    "scorer",
    "sealing",
    "signer_of",
    "standing",
    "store",
    "views",
    "wiped",
    "witnessing",
]

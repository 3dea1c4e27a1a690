"""Models as this process makes them, and what is kept of their past."""

from concurrent.futures import Executor
from uuid import UUID

from adapters.kept import Kept
from api.again import Again
from api.bootstrap.product import Product
from application.predictions import Learner


def learner(executor: Executor | None = None) -> Learner:
    """A model that has folded nothing yet."""
    from adapters.learning import Libraries
    from projections.predictions.definition import conversion
    from projections.predictions.learner import Learner

    return Learner(conversion, Libraries(), executor)


def kept(product: Product, tenant: UUID) -> Kept:
    return Kept(product.logs.of(tenant), product.logs.rings.of(tenant), product.database, product.erasures)


def again(product: Product, tenant: UUID) -> Again:
    return Again(product.logs.of(tenant), learner, kept(product, tenant))

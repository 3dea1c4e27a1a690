"""Models as this process makes them, and what is kept of their past."""

from collections.abc import Sequence
from concurrent.futures import Executor
from uuid import UUID

from adapters.kept import Kept
from api.again import again as once_more
from api.bootstrap.product import Product
from api.learning import Model
from application.predictions import Learner, Recomputed
from domain.predictions import Made


def learner(executor: Executor | None = None) -> Learner:
    """A model that has folded nothing yet."""
    from adapters.learning import Libraries
    from projections.predictions.definition import conversion
    from projections.predictions.learner import Learner

    return Learner(conversion, Libraries(), executor)


def kept(product: Product, tenant: UUID) -> Kept:
    return Kept(product.logs.of(tenant), product.logs.rings.of(tenant), product.database, product.erasures)


def again(product: Product, tenant: UUID, made: Made) -> Recomputed | None:
    """A prediction of a tenant made again; see `api.again`."""
    return once_more(made, product.logs.of(tenant), learner, kept(product, tenant))


def model(product: Product, fits: Executor, tenant: UUID) -> Model:
    """A worker's, which keeps what it learns."""
    fresh = learner(fits)
    return Model(product.logs.of(tenant), fresh, kept(product, tenant).begin(fresh.name, fresh.build))


def unlearned(product: Product, tenant: UUID, gone: Sequence[UUID]) -> None:
    """Let go of whatever was learned from these subjects, before the model is folded anew."""
    product.logs.rings.of(tenant).forget(gone)
    kept(product, tenant).forget()

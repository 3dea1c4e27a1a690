"""`everlog predictions recompute`: a past prediction made again from the log alone."""

import asyncio
from uuid import UUID

from api import bootstrap
from api.settings import Settings, Unset
from api.shell import operator
from api.taught import opened
from application.audit import operated
from application.predictions import Recomputed, recompute
from domain.predictions import Made, predictions


def recomputed(settings: Settings, id: UUID, tenant: UUID | None = None) -> Recomputed:
    """Raises `Unset` where there is no such prediction."""
    with bootstrap.product(settings, worker=True) as product:
        gone = product.logs.rings.services.gone()
        wanted = [tenant] if tenant else [known for known, *_ in product.database.heads() if known not in gone]
        for whose in wanted:
            log = product.logs.of(whose)
            for recorded in log.stream(f"{predictions.name}/{id}"):
                made = log.open(recorded.fact)
                if isinstance(made, Made):
                    asyncio.run(operated(product.logs, operator(whose), "predictions recompute", {"id": id}))
                    return recompute(made, opened(log, made.position), bootstrap.learner())
    raise Unset(f"There is no prediction {id} here. Ids are listed by GET /v1/predictions.")

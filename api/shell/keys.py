"""Keys of organisations: which service they lie under."""

import asyncio
from uuid import UUID

from cyclopts import App

from api import bootstrap
from api.bootstrap import Product
from api.shell import OPERATOR, Json, ask, say
from application.kernel import Caller
from application.keys import Move
from application.pipeline import Asked

keys = App("keys")
INSTALLATION = "installation"


@keys.command
def move(tenant: UUID, service: str, *, json: Json = False) -> None:
    """Have an organisation's keys lie under a key service of its own, or under the installation's again.

    What they lay under is destroyed. Backups from before do not open any more: make one afterwards.

    Args:
        tenant: The organisation.
        service: As EVERLOG_KMS names one; `installation` for the one that EVERLOG_KMS names.
        json: Answer with one JSON object.
    """

    async def work(product: Product) -> int:
        custody = product.logs.rings.custody(tenant)
        many = await asyncio.to_thread(custody.bring, bootstrap.BACK if service == INSTALLATION else service)
        done = Move(service=service.partition("?")[0], many=many)
        await product.pipeline.run(Caller(tenant=tenant, actor=OPERATOR), Asked(done, tenant))
        return many

    many = ask(work, tenant, worker=True)
    words = f"{many} keys lie under {service.partition('?')[0]} now. Make a backup: those from before are closed."
    say({"tenant": str(tenant), "service": service.partition("?")[0], "keys": many}, words, json=json)

"""Keys of organisations: which service they lie under, and how old they are."""

import asyncio
from uuid import UUID

from cyclopts import App

from api import bootstrap
from api.bootstrap import Product
from api.shell import OPERATOR, Json, ask, say
from application.kernel import Caller
from application.keys import Expire, Move, Rotate
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


@keys.command
def rotate(tenant: UUID, *, json: Json = False) -> None:
    """Begin a new tenant key now, and wrap everybody's keys under it. People go on working meanwhile.

    A worker does it every 15 days by itself, and destroys tenant keys that are 30 days old; so does this command.

    Args:
        tenant: The organisation.
        json: Answer with one JSON object.
    """

    async def work(product: Product) -> tuple[int, int, list[int]]:
        custody, caller = product.logs.rings.custody(tenant), Caller(tenant=tenant, actor=OPERATOR)
        epoch, begun, subjects = await asyncio.to_thread(custody.rotate, early=True)
        await product.pipeline.run(caller, Asked(Rotate(epoch=epoch, begun=begun, subjects=subjects), tenant))
        gone = await asyncio.to_thread(custody.expire)
        await product.pipeline.run(caller, Asked(Expire(epochs=tuple(gone)), tenant))
        return epoch, subjects, gone

    epoch, subjects, gone = ask(work, tenant, worker=True)
    words = f"Epoch {epoch} has begun; {subjects} keys of persons lie under it. {len(gone)} old epochs were destroyed."
    say({"tenant": str(tenant), "epoch": epoch, "subjects": subjects, "expired": gone}, words, json=json)

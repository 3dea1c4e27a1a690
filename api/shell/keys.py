"""Keys of organisations: which service they lie under, and how old they are."""

import asyncio
from uuid import UUID

from cyclopts import App

from api import bootstrap
from api.bootstrap import Product
from api.shell import Json, ask, operator, say
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
        await product.pipeline.run(operator(tenant), Asked(done, tenant))
        return many

    many = ask(work, tenant, worker=True)
    words = f"{many} keys lie under {service.partition('?')[0]} now. Make a backup: those from before are closed."
    say({"tenant": str(tenant), "service": service.partition("?")[0], "keys": many}, words, json=json)


@keys.command
def carry(service: str, *, json: Json = False) -> None:
    """Wrap the keys of all organisations by another key service, for the installation to go on with.

    Afterwards set EVERLOG_KMS to it and start every process again, within a quarter of an hour: until then they go on
    with what they have at hand. What the keys lay under stays. Organisations with key services of their own stay there.

    Args:
        service: As EVERLOG_KMS names one.
        json: Answer with one JSON object.
    """

    async def work(product: Product) -> dict[str, int]:
        to, carried = bootstrap.kms(product.settings, service), dict[str, int]()
        gone = product.logs.rings.services.gone()
        for tenant in [each for each, *_ in await asyncio.to_thread(product.database.heads) if each not in gone]:
            # What is recorded afterwards needs keys, which this process does not get any more by then.
            await product.logs.prepare(tenant)
            custody = product.logs.rings.custody(tenant)
            carried[str(tenant)] = many = await asyncio.to_thread(custody.carry, to)
            if many:
                done = Move(service=service.partition("?")[0], many=many)
                await product.pipeline.run(operator(tenant), Asked(done, tenant))
        return carried

    carried = ask(work, worker=True)
    words = f"{sum(carried.values())} keys of {len(carried)} organisations lie under {service.partition('?')[0]} now."
    words += f" Set EVERLOG_KMS='{service}' and start every process again. Then make a backup."
    say({"service": service.partition("?")[0], "keys": carried}, words, json=json)


@keys.command
def rotate(tenant: UUID, *, json: Json = False) -> None:
    """Begin a new tenant key now, and wrap everybody's keys under it. People go on working meanwhile.

    A worker does it every 15 days by itself, and destroys tenant keys that are 30 days old; so does this command.

    Args:
        tenant: The organisation.
        json: Answer with one JSON object.
    """

    async def work(product: Product) -> tuple[int, int, list[int]]:
        custody, caller = product.logs.rings.custody(tenant), operator(tenant)
        epoch, begun, subjects = await asyncio.to_thread(custody.rotate, early=True)
        await product.pipeline.run(caller, Asked(Rotate(epoch=epoch, begun=begun, subjects=subjects), tenant))
        gone = await asyncio.to_thread(custody.expire)
        await product.pipeline.run(caller, Asked(Expire(epochs=tuple(gone)), tenant))
        return epoch, subjects, gone

    epoch, subjects, gone = ask(work, tenant, worker=True)
    words = f"Epoch {epoch} has begun; {subjects} keys of persons lie under it. {len(gone)} old epochs were destroyed."
    say({"tenant": str(tenant), "epoch": epoch, "subjects": subjects, "expired": gone}, words, json=json)

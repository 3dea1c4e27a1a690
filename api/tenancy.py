"""What operators do when an organisation moves to another installation."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from api import bootstrap
from api.bootstrap import Product
from api.settings import Unset
from api.shell import Flag, Json, Told, ask, operator, say
from api.shell.tenants import named, tenants
from application.pipeline import Asked
from application.tenancy import Arrive, Create, Leave, Reside, Stay
from domain.tenancy import tenancy
from tenants.context import SYSTEM

Position = Annotated[int, Parameter(validator=Number(gte=0))]


@tenants.command
def identity(*, json: Json = False) -> None:
    """Print what other installations need to send organisations here, and to know that one comes from here.

    Args:
        json: Answer with one JSON object.
    """

    async def work(product: Product) -> str:
        return str(bootstrap.moving(product).identity)

    found = ask(work)
    say({"identity": found}, found, json=json)


@tenants.command(name="export")
def export_tenant(
    tenant: UUID,
    *,
    to: str,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    after: Position = 0,
    leave: Flag = False,
    json: Json = False,
) -> None:
    """Write an organisation's whole log, with the keys that open it, into a file that one other installation can read.

    Do it first while people work on; then once more with --after and --leave: from then on the organisation can only be
    read here, and that second file is as small as what was done meanwhile.

    Args:
        tenant: The organisation.
        to: The other installation, as `everlog tenants identity` names it there.
        output: The file to write, a new one.
        after: Only what stands behind this position, which an earlier file ended with.
        leave: Close the log here: the organisation goes on there.
        json: Answer with one JSON object.
    """

    async def work(product: Product) -> int:
        moving = bootstrap.moving(product)
        there = moving.receiver(to)
        name = (await named(product)).get(tenant, "")
        own = await product.logs.of(tenant).load(f"{tenancy.name}/{tenant}", tenancy)
        if leave:
            left = Asked(Leave(to=there.fingerprint), tenant)
            await product.pipeline.run(operator(tenant), left)
            await asyncio.to_thread(moving.close, tenant)
        pack = partial(moving.pack, leaves=leave, region=own.state.region)
        return await asyncio.to_thread(pack, tenant, name, there, after, output.absolute())

    upto = ask(work, tenant, told=Told("tenants export", {"to": to, "after": after, "leave": leave}))
    words = f"Positions {after + 1} to {upto} are in {output}."
    words += " The organisation can only be read here now." if leave else f" Go on with --after {upto} --leave."
    say({"tenant": str(tenant), "after": after, "upto": upto, "left": leave, "file": str(output)}, words, json=json)


@tenants.command(name="import")
def import_tenant(
    file: Path, *, sender: Annotated[str, Parameter(name="--from")], relocate: Flag = False, json: Json = False
) -> None:
    """Bring an organisation from a file that another installation wrote for this one. Cut short, do it again.

    Nothing is written unless the file is whole, for this installation and signed by the other. The organisation goes on
    here once the file is one that was written with --leave; until then it is only read.

    Args:
        file: The file.
        sender: The installation that it comes from, as `everlog tenants identity` names it there.
        relocate: Take in an organisation whose data stay in another region: from now on they stay in this one.
        json: Answer with one JSON object.
    """
    if not file.is_file():
        raise Unset(f"There is no file {file}.")

    async def work(product: Product) -> dict[str, object]:
        moving = bootstrap.moving(product)
        there = moving.receiver(sender)
        region = product.settings.region
        came = await asyncio.to_thread(partial(moving.unpack, relocate=relocate), file, there, region)
        known = operator(SYSTEM)
        await product.pipeline.run(known, Asked(Create(name=came.name or str(came.tenant)), came.tenant))
        if came.here:
            arrived = Asked(Arrive(origin=there.fingerprint, after=came.upto), came.tenant)
            await product.pipeline.run(operator(came.tenant), arrived)
            if region:
                resides = Asked(Reside(region=region), came.tenant)
                await product.pipeline.run(operator(came.tenant), resides)
        return {"tenant": str(came.tenant), "name": came.name, "upto": came.upto, "here": came.here}

    done = ask(work)
    goes = "It goes on here." if done["here"] else "It is only read here until a file written with --leave has come."
    say(done, f"Organisation {done['tenant']} is here up to position {done['upto']}. {goes}", json=json)


@tenants.command
def reopen(tenant: UUID, *, json: Json = False) -> None:
    """Let an organisation go on here after all. Only where it did not arrive at the other installation.

    Args:
        tenant: The organisation.
        json: Answer with one JSON object.
    """

    async def work(product: Product) -> None:
        await asyncio.to_thread(bootstrap.moving(product).reopen, tenant)
        await product.pipeline.run(operator(tenant), Asked(Stay(), tenant))

    ask(work, tenant)
    say({"tenant": str(tenant), "reopened": True}, "The organisation goes on here.", json=json)

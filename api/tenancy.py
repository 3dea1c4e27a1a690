"""What operators do when an organisation moves to another installation."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number

from api import bootstrap
from api.bootstrap import Product
from api.settings import Unset
from api.shell import Flag, Json, Told, ask, operator, say
from api.shell.tenants import named, tenants
from application.audit import operated
from application.pipeline import Asked
from application.tenancy import Arrive, Create, Leave, Reside, Stay
from domain.kernel import Fact
from domain.tenancy import Arrived, Left, tenancy
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
    goes = (
        "It goes on here. Delete its parcels now."
        if done["here"]
        else "It is only read here until a file written with --leave has come."
    )
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


@tenants.command
def receipt(tenant: UUID, *, output: Annotated[Path, Parameter(name=["--output", "-o"])], json: Json = False) -> None:
    """Write what shows the installation that an organisation came from that all of it has arrived here.

    It may forget the organisation then: see `everlog tenants forget`.

    Args:
        tenant: The organisation.
        output: The file to write, a new one.
        json: Answer with one JSON object.
    """

    async def work(product: Product) -> int:
        after = [each.after for each in await _facts(product, tenant) if isinstance(each, Arrived)][-1:] or [0]
        custody = product.logs.rings.custody(tenant)
        written = await asyncio.to_thread(bootstrap.moving(product).receipt, tenant, after[0], custody)
        with output.open("xb") as file:
            file.write(written)
        return after[0]

    upto = ask(work, tenant, worker=True)
    words = f"That {upto} events have arrived is in {output}. Bring it to the installation that they came from."
    say({"tenant": str(tenant), "upto": upto, "file": str(output)}, words, json=json)


@tenants.command
def forget(tenant: UUID, receipt: Path, *, json: Json = False) -> None:
    """Destroy every key of an organisation that has left: nothing personal of it opens here again, nor from a backup.

    It cannot be taken back, and the organisation never comes back to this installation. Its events stay, closed, and
    what was proven of them. Cut short, do it again.

    Args:
        tenant: The organisation.
        receipt: The file that `everlog tenants receipt` wrote where the organisation is now.
        json: Answer with one JSON object.
    """
    if not receipt.is_file():
        raise Unset(f"There is no file {receipt}. `everlog tenants receipt` writes one where the organisation is now.")
    done = ask(lambda product: _forget(product, tenant, receipt.read_bytes()), tenant, worker=True)
    words = [
        f"{len(done['destroyed'])} keys of the organisation were destroyed: {', '.join(done['destroyed']) or 'none'}.",
        f"{done['files']} files of the journal were removed.",
        "Delete the parcels that it travelled in: who has one, and the other's key folder, opens all that is in it.",
    ]
    if kept := done["withheld"]:
        words.insert(1, f"Its own key service refuses us, and {len(kept)} stay for its owner: {', '.join(kept)}.")
    say(done, "\n".join(words), json=json)


async def _forget(product: Product, tenant: UUID, proof: bytes) -> dict[str, Any]:
    moving, custody = bootstrap.moving(product), product.logs.rings.custody(tenant)
    to = [each.to for each in await _facts(product, tenant) if isinstance(each, Left)][-1:] or [""]
    gone, lying = await asyncio.to_thread(moving.forgettable, tenant, to[0], proof, custody)
    files = await asyncio.to_thread(bootstrap.remains, product, tenant, moving.waits)
    if lying or files or tenant not in product.logs.rings.services.gone():
        told = {"tenant": tenant, "to": gone.to, "size": gone.size, "root": gone.root}
        counted = {"keys": len(lying), "files": len(files)}
        await operated(product.logs, operator(SYSTEM), "tenants forget", {**told, **counted})
    product.erasures.leave(gone)
    destroyed, withheld = await asyncio.to_thread(custody.destroy, lying)
    for file in files:
        file.drop()
    about = {"tenant": str(tenant), "to": gone.to, "size": gone.size, "root": gone.root}
    return {**about, "destroyed": destroyed, "withheld": withheld, "files": len(files)}


async def _facts(product: Product, tenant: UUID) -> list[Fact]:
    """What happened to the organisation's log as a whole."""
    return [each.fact for each in await product.logs.of(tenant).history(f"{tenancy.name}/{tenant}")]

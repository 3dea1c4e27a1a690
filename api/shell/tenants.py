"""Organisations: created, and listed."""

from uuid import UUID, uuid4

from cyclopts import App

from api.bootstrap import Product
from api.settings import Unset
from api.shell import OPERATOR, Json, Name, ask, say
from api.shell.api_keys import issue
from application.api_keys import mint
from application.tenancy import provision
from domain.kernel import Recorded
from domain.tenancy import Created
from tenants.context import SYSTEM

tenants = App("tenants")


@tenants.command(name="create")
def create_tenant(name: Name, *, region: str = "", json: Json = False) -> None:
    """Create an organisation and a first API key with the role Admin.

    Args:
        name: What the organisation is called.
        region: Where its data have to stay: this installation's region, or it is not created here.
        json: Answer with one JSON object.
    """
    made = found(name, region)
    say(made, f"Organisation {made['tenant']}\nAPI key {made['id']} (Admin), shown only now:\n{made['key']}", json=json)


def found(name: str, region: str = "") -> dict[str, str]:
    """A new organisation and its first key: `tenant`, `name`, and the key's `id`, `role` and text as `key`.

    Raises `Unset` where this is another region than the one that is named.
    """

    async def work(product: Product) -> dict[str, str]:
        here = product.settings.region
        if region and region != here:
            raise Unset(f"This installation is {f'the cell of {here}' if here else 'of no region'}, not of {region}.")
        tenant = uuid4()
        await provision(product.pipeline, product.logs, OPERATOR, tenant, name, OPERATOR.id, here)
        return {"tenant": str(tenant), "name": name, **await issue(product, tenant, mint(tenant, "first key", "Admin"))}

    return ask(work)


@tenants.command(name="list")
def list_tenants(*, json: Json = False) -> None:
    """The organisations of this installation, in the order in which they were created.

    Args:
        json: Answer with one JSON object.
    """
    known = [
        {"tenant": str(each.id), "name": each.fact.name, "created_at": f"{each.at:%Y-%m-%dT%H:%M:%SZ}"}
        for each in ask(_created)
        if isinstance(each.fact, Created)
    ]
    lines = [f"{each['tenant']}  {each['created_at']}  {each['name']}" for each in known]
    say({"tenants": known}, "\n".join(lines) or "None yet.", json=json)


async def _created(product: Product) -> list[Recorded]:
    log, known, position = product.logs.of(SYSTEM), list[Recorded](), 0
    while batch := await log.tail(position):
        known += [each for each in batch if isinstance(each.fact, Created)]
        position = batch[-1].position
    return known


async def named(product: Product) -> dict[UUID, str]:
    """What each organisation of this installation is called."""
    return {each.id: each.fact.name for each in await _created(product) if isinstance(each.fact, Created)}

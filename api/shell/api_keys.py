"""API keys: issued, and revoked."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from cyclopts import App, Parameter
from cyclopts.validators import Number

from api.bootstrap import Product
from api.shell import Json, Name, ask, operator, say
from api.shell.members import known
from application.api_keys import Minted, Revoke, mint
from application.pipeline import Asked, Rejected
from domain.access import Role

Scopes = Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")]
Days = Annotated[int | None, Parameter(validator=Number(gte=1, lte=36500))]

api_keys = App("api-keys")


@api_keys.command(name="create")
def create_key(
    tenant: UUID,
    *,
    role: Role | None = None,
    member: UUID | None = None,
    name: Name = "key",
    scopes: Scopes = None,
    days: Days = None,
    json: Json = False,
) -> None:
    """Issue an API key. Its text is shown now and never again.

    Args:
        tenant: The organisation.
        role: What the key may do: Admin, Manager, Member (if this is left out), Viewer or Auditor.
        member: Whose key it is, in place of a role: it may do what they may, as long as they are a member.
        name: What the key is for.
        scopes: The permissions that its role is cut down to, such as prospects.read; all of its role's, if left out.
        days: After how many days it expires; never, if left out.
        json: Answer with one JSON object.
    """
    expires = datetime.now().astimezone() + timedelta(days=days) if days else None
    role = role or (None if member else "Member")
    minted = mint(tenant, name, role, None if scopes is None else tuple(scopes), expires, member)
    made = ask(lambda product: issue(product, tenant, minted), tenant)
    whose = role or f"of member {member}"
    say(made, f"API key {made['id']} ({whose}), shown only now:\n{made['key']}", json=json)


@api_keys.command(name="revoke")
def revoke_key(tenant: UUID, id: UUID, *, json: Json = False) -> None:
    """Revoke an API key. It stops working within a second.

    Args:
        tenant: The organisation.
        id: The key's id, as `api-keys create` answered it.
        json: Answer with one JSON object.
    """
    ask(lambda product: product.pipeline.run(operator(tenant), Asked(Revoke(), id)), tenant)
    say({"revoked": str(id)}, f"Key {id} is revoked.", json=json)


async def issue(product: Product, tenant: UUID, minted: Minted) -> dict[str, str]:
    """Its `id`, its text as `key`, and its `role` or its `member`. Raises `Rejected`."""
    member = minted.issue.member
    if member and member not in (await known(product, tenant)).roles:
        raise Rejected("orgs.member-unknown")
    await product.pipeline.run(operator(tenant), Asked(minted.issue, minted.id))
    whose = {"member": str(member)} if member else {"role": str(minted.issue.role)}
    return {"id": str(minted.id), **whose, "key": minted.text}

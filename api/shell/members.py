"""Members of organisations: who belongs to one, and in which role."""

from uuid import UUID

from cyclopts import App

from api.bootstrap import Product
from api.shell import Json, Told, ask, operator, say
from application.kernel import Command
from application.orgs import ChangeRole, Join, RemoveMember
from application.pipeline import Asked
from domain.access import Role
from domain.orgs import Org, orgs

members = App("members")


@members.command(name="list")
def list_members(tenant: UUID, *, json: Json = False) -> None:
    """The members of an organisation, each with their role.

    Args:
        tenant: The organisation.
        json: Answer with one JSON object.
    """
    org = ask(lambda product: known(product, tenant), tenant, told=Told("members list", {}))
    found = [{"member": str(member), "role": role} for member, role in org.roles.items()]
    say({"members": found}, "\n".join(f"{each['member']}  {each['role']}" for each in found), json=json)


@members.command
def add(tenant: UUID, member: UUID, *, role: Role, json: Json = False) -> None:
    """Make somebody a member.

    Args:
        tenant: The organisation.
        member: An identifier of your own, which never changes: no name or mail address.
        role: What they may do.
        json: Answer with one JSON object.
    """
    _do(tenant, Join(member=member, role=role))
    say({"member": str(member), "role": role}, f"{member} is a member: {role}.", json=json)


@members.command(name="role")
def change_role(tenant: UUID, member: UUID, role: Role, *, json: Json = False) -> None:
    """Give a member another role. It counts within a second, for their API keys too.

    Args:
        tenant: The organisation.
        member: The member.
        role: What they may do from now on.
        json: Answer with one JSON object.
    """
    _do(tenant, ChangeRole(member=member, role=role))
    say({"member": str(member), "role": role}, f"{member} is {role} now.", json=json)


@members.command
def remove(tenant: UUID, member: UUID, *, json: Json = False) -> None:
    """Remove a member. Their API keys may do nothing within a second.

    Args:
        tenant: The organisation.
        member: The member.
        json: Answer with one JSON object.
    """
    _do(tenant, RemoveMember(member=member))
    say({"removed": str(member)}, f"{member} is no member any more.", json=json)


async def known(product: Product, tenant: UUID) -> Org:
    return (await product.logs.of(tenant).load(f"{orgs.name}/{tenant}", orgs)).state


def _do(tenant: UUID, command: Command) -> None:
    ask(lambda product: product.pipeline.run(operator(tenant), Asked(command, tenant)), tenant)

"""An organisation's members over HTTP: who they are, in which role, and what changes that."""

from typing import Any
from uuid import UUID

from msgspec import Struct

from api import shapes
from api.call import Call
from api.commands import single
from api.edge import Edge, reply
from api.inbound import Reply
from api.personal import Presenter
from api.problems import Problem
from api.queries import Listing, listed
from api.route import Route
from application.orgs import ChangeRole, Join, RemoveMember
from domain.access import Role
from domain.orgs import orgs
from projections.orgs import Get, List, MemberRow

Member = shapes.answer(MemberRow, "Member")
_ONE = "/v1/members/{id}"
_OWN = (
    "It counts within a second, for the member's keys too. `id` and `version` in the answer are the organisation's, as "
    "is what `If-Match` names."
)


class MemberState(Struct, frozen=True, kw_only=True):
    id: UUID
    role: str


async def get(edge: Edge, call: Call) -> Reply:
    """From the log, so that the ETag is of the very state that is answered."""
    tenant = call.caller.tenant
    stream = f"{orgs.name}/{tenant}"
    await edge.pipeline.authorise(call.caller, Get(id=call.id), stream)
    loaded = await edge.logs.of(tenant).load(stream, orgs)
    if (role := loaded.state.roles.get(call.id)) is None:
        raise Problem("orgs.member-unknown")
    return reply(MemberState(id=call.id, role=role), headers=[("ETag", f'"{loaded.generation}:{loaded.version}"')])


async def _member(_edge: Edge, call: Call) -> dict[str, Any]:
    return {"member": call.id}


ROUTES: tuple[Route, ...] = (
    single(Join, "/v1/members", "addMember", "Make somebody a member, in a role", description=_OWN),
    *listed(
        Listing(
            query=List,
            presenter=Presenter(MemberRow),
            row=Member,
            path="/v1/members",
            tag=orgs.name,
            operation="Members",
            summary="List members with their roles",
            types={"role": Role},
        )
    ),
    Route(
        method="GET",
        path=_ONE,
        operation="getMember",
        tag=orgs.name,
        summary="Get a member's role",
        description="The ETag is the organisation's: whatever changes among its members changes it.",
        permission=Get.permission,
        answer=MemberState,
        problems=("orgs.member-unknown",),
        returns=("ETag",),
        serve=get,
    ),
    single(
        ChangeRole, f"{_ONE}/role", "changeMemberRole", "Give a member another role", description=_OWN, tell=_member
    ),
    single(RemoveMember, f"{_ONE}/removal", "removeMember", "Remove a member", description=_OWN, tell=_member),
)

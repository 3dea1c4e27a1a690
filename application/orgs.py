"""What can be asked of an organisation."""

from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta

from application.kernel import Command
from domain import orgs as domain
from domain.access import ROLES
from domain.kernel import Fact, Refused
from domain.orgs import Org, orgs

Member = Annotated[
    UUID,
    Meta(description="An identifier of your own, which never changes: no name or mail address."),
]
Role = Annotated[
    str,
    Meta(max_length=50, description="What they may do.", extra_json_schema={"enum": list(ROLES)}),
]
"""Looked at when it is decided: whoever names another is told which there are, and that they did is on record."""


class Found(Command, frozen=True, kw_only=True):
    permission: ClassVar = "orgs.found"
    stream: ClassVar = orgs
    opens: ClassVar = True
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    admin: UUID

    def decide(self, org: Org) -> list[Fact]:
        return domain.found(org, self.name, self.admin)


class Join(Command, frozen=True, kw_only=True):
    permission: ClassVar = "orgs.manage"
    stream: ClassVar = orgs
    member: Member
    role: Role

    def decide(self, org: Org) -> list[Fact]:
        return domain.join(org, self.member, _known(self.role))


class ChangeRole(Command, frozen=True, kw_only=True):
    permission: ClassVar = "orgs.manage"
    stream: ClassVar = orgs
    own: ClassVar = True
    told: ClassVar = ("member",)
    member: Member
    role: Role

    def decide(self, org: Org) -> list[Fact]:
        return domain.change(org, self.member, _known(self.role))


class RemoveMember(Command, frozen=True, kw_only=True):
    permission: ClassVar = "orgs.manage"
    stream: ClassVar = orgs
    own: ClassVar = True
    told: ClassVar = ("member",)
    member: Member

    def decide(self, org: Org) -> list[Fact]:
        return domain.remove(org, self.member)


def _known(role: str) -> str:
    if role not in ROLES:
        raise Refused("orgs.role-unknown", roles=list(ROLES))
    return role

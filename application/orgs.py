"""What can be asked of an organisation."""

from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta

from application.kernel import Command
from domain import orgs as domain
from domain.access import Role
from domain.kernel import Fact
from domain.orgs import Org, orgs


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
    member: UUID
    role: Role

    def decide(self, org: Org) -> list[Fact]:
        return domain.join(org, self.member, self.role)


class ChangeRole(Command, frozen=True, kw_only=True):
    permission: ClassVar = "orgs.manage"
    stream: ClassVar = orgs
    member: UUID
    role: Role

    def decide(self, org: Org) -> list[Fact]:
        return domain.change(org, self.member, self.role)


class Remove(Command, frozen=True, kw_only=True):
    permission: ClassVar = "orgs.manage"
    stream: ClassVar = orgs
    member: UUID

    def decide(self, org: Org) -> list[Fact]:
        return domain.remove(org, self.member)

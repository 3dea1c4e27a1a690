"""An organisation: who belongs to it, and in which role. Each tenant has one, and it is never without an Admin."""

from collections.abc import Mapping
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace

from domain.kernel import Decider, Fact, Refused

ADMIN = "Admin"


class Founded(Fact, frozen=True, tag="orgs.founded"):
    name: str


class Joined(Fact, frozen=True, tag="orgs.joined"):
    member: UUID
    role: str


class RoleChanged(Fact, frozen=True, tag="orgs.role-changed"):
    member: UUID
    left: str
    taken: str


class Removed(Fact, frozen=True, tag="orgs.removed"):
    member: UUID
    role: str


Facts = Founded | Joined | RoleChanged | Removed


class Org(Struct, frozen=True):
    name: str | None = None
    roles: Mapping[UUID, str] = field(default_factory=dict)
    """Each member's role."""


def evolve(org: Org, fact: Facts) -> Org:
    match fact:
        case Founded(name=name):
            return replace(org, name=name)
        case Joined(member=member, role=role):
            return replace(org, roles={**org.roles, member: role})
        case RoleChanged(member=member, taken=role):
            return replace(org, roles={**org.roles, member: role})
        case Removed(member=member):
            return replace(org, roles={other: role for other, role in org.roles.items() if other != member})


def found(org: Org, name: str, admin: UUID) -> list[Fact]:
    if org.name is None:
        return [Founded(name), Joined(admin, ADMIN)]
    if (org.name, org.roles.get(admin)) != (name, ADMIN):
        raise Refused("orgs.exists")
    return []


def join(org: Org, member: UUID, role: str) -> list[Fact]:
    _must_be_founded(org)
    if member in org.roles and org.roles[member] != role:
        raise Refused("orgs.member-exists")
    return [] if member in org.roles else [Joined(member, role)]


def change(org: Org, member: UUID, role: str) -> list[Fact]:
    left = _role(org, member)
    if left == role:
        return []
    _must_keep_an_admin(org, member)
    return [RoleChanged(member, left, role)]


def remove(org: Org, member: UUID) -> list[Fact]:
    role = _role(org, member)
    _must_keep_an_admin(org, member)
    return [Removed(member, role)]


def _must_be_founded(org: Org) -> None:
    if org.name is None:
        raise Refused("orgs.unknown")


def _role(org: Org, member: UUID) -> str:
    _must_be_founded(org)
    if member not in org.roles:
        raise Refused("orgs.member-unknown")
    return org.roles[member]


def _must_keep_an_admin(org: Org, member: UUID) -> None:
    if not any(role == ADMIN for other, role in org.roles.items() if other != member):
        raise Refused("orgs.last-admin")


orgs = Decider("orgs", Facts, Org(), evolve)

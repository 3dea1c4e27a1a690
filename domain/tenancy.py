"""A tenant as the installation sees it: that there is one. Its own log holds everything else."""

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Decider, Fact, Refused


class Created(Fact, frozen=True, tag="tenancy.created"):
    name: str


class Tenant(Struct, frozen=True):
    created: Created | None = None


def evolve(tenant: Tenant, fact: Created) -> Tenant:
    match fact:
        case Created():
            return replace(tenant, created=fact)


def create(tenant: Tenant, name: str) -> list[Fact]:
    created = Created(name)
    if tenant.created not in (None, created):
        raise Refused("tenancy.exists")
    return [] if tenant.created else [created]


tenancy = Decider("tenancy", Created, Tenant(), evolve)

"""Creating a tenant: the installation notes it, it gets its ground, and its organisation is founded."""

from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta

from application.kernel import Caller, Command
from application.orgs import Found
from application.pipeline import Asked, Pipeline
from application.ports import Ground
from domain.kernel import Actor, Fact
from domain.tenancy import Arrived, Left, Stayed, Tenant, create, reside, tenancy
from tenants.context import SYSTEM
from tenants.residency import REGION


class Create(Command, frozen=True, kw_only=True):
    permission: ClassVar = "tenancy.create"
    stream: ClassVar = tenancy
    opens: ClassVar = True
    name: Annotated[str, Meta(min_length=1, max_length=200)]

    def decide(self, tenant: Tenant) -> list[Fact]:
        return create(tenant, self.name)


class Leave(Command, frozen=True, kw_only=True):
    """Nothing is recorded here afterwards: whoever asks this closes the log."""

    permission: ClassVar = "tenancy.move"
    stream: ClassVar = tenancy
    to: str

    def decide(self, _: Tenant) -> list[Fact]:
        return [Left(self.to)]


class Stay(Command, frozen=True, kw_only=True):
    permission: ClassVar = "tenancy.move"
    stream: ClassVar = tenancy

    def decide(self, _: Tenant) -> list[Fact]:
        return [Stayed()]


class Arrive(Command, frozen=True, kw_only=True):
    permission: ClassVar = "tenancy.move"
    stream: ClassVar = tenancy
    origin: str
    after: int

    def decide(self, _: Tenant) -> list[Fact]:
        return [Arrived(self.origin, self.after)]


class Reside(Command, frozen=True, kw_only=True):
    """Said in the tenant's own log, which takes it along wherever it goes."""

    permission: ClassVar = "tenancy.move"
    stream: ClassVar = tenancy
    region: Annotated[str, Meta(pattern=REGION)]

    def decide(self, tenant: Tenant) -> list[Fact]:
        return reside(tenant, self.region)


async def provision(
    pipeline: Pipeline, ground: Ground, operator: Actor, tenant: UUID, name: str, admin: UUID, region: str = ""
) -> None:
    """Create a tenant and found its organisation with a first Admin. What was half done before is finished."""
    await ground.prepare(SYSTEM)
    await pipeline.run(Caller(tenant=SYSTEM, actor=operator), Asked(Create(name=name), tenant))
    await ground.prepare(tenant)
    await pipeline.run(Caller(tenant=tenant, actor=operator), Asked(Found(name=name, admin=admin), tenant))
    if region:
        await pipeline.run(Caller(tenant=tenant, actor=operator), Asked(Reside(region=region), tenant))

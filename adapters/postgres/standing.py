"""How one tenant stands in this database, as its head says."""

from typing import Any
from uuid import UUID

from adapters.postgres.database import Database
from tenants.residency import Claim

_HEAD = "select coalesce(closed, 'live'), generation, position from everlog.heads where tenant_id = %s"


async def standing(database: Database, tenant: UUID) -> Claim | None:
    """None where there is no log of it."""
    rows: list[Any] = await database.fetch(tenant, _HEAD, [tenant])
    return Claim(*rows[0]) if rows else None

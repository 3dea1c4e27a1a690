"""Whose erasure may be asked for: a person's, and not that of what an organisation works with."""

from uuid import UUID

from application.ports import Log
from domain.api_keys import api_keys
from domain.deliveries import deliveries
from tenants.context import SYSTEM


async def refusal(log: Log, id: UUID) -> str:
    """The code by which the erasure of this identifier is refused whoever agrees; "" where it may be a person's.

    What operators and the program itself do is sealed under the system's key, holds on everything stand under the
    organisation's identifier, and a destination's secret lies under its own: without those keys nothing works again.
    A key that stands could do nothing any more once its holder is erased, and would not say why.
    """
    destination = await log.load(f"{deliveries.name}/{id}", deliveries)
    if destination.version or id in (SYSTEM, log.tenant):
        return "privacy.no-person"
    key = (await log.load(f"{api_keys.name}/{id}", api_keys)).state
    return "privacy.key-stands" if key.issued and not key.revoked else ""

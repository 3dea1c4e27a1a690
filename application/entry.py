"""Who comes in: a credential becomes a caller, and who is turned away is noted where they wanted to go."""

import logging
from uuid import UUID

from msgspec.structs import replace

from application.api_keys import Keyring, Unauthenticated
from application.audit import Trail
from application.fresh import Fresh
from application.kernel import Caller
from application.ports import Logs
from domain.api_keys import api_keys
from domain.audit import Denial
from domain.kernel import Actor, Circumstances
from domain.orgs import orgs
from tenants.context import SYSTEM

RATE = 60
"""Attempts a minute and tenant that are noted one by one."""

_log = logging.getLogger(__name__)


class Entry:
    def __init__(self, keyring: Keyring, logs: Logs) -> None:
        self._keyring = keyring
        self._logs = logs
        self._trail = Trail(logs, RATE)
        self._founded: Fresh[UUID, bool] = Fresh(self._look, limit=60.0)

    async def admit(self, text: str, circumstances: Circumstances) -> Caller:
        """The caller who presents this API key. Raises `Unauthenticated`, once that is audited."""
        try:
            caller = await self._keyring.caller(text)
        except Unauthenticated as stranger:
            await self._note(stranger, circumstances)
            raise
        return replace(caller, circumstances=circumstances)

    def known(self, text: str) -> bool:
        """Whether somebody came in with this key before, as far as this process remembers; nothing is looked up."""
        return self._keyring.known(text)

    async def _note(self, stranger: Unauthenticated, circumstances: Circumstances) -> None:
        """In the tenant that the key names, if there is one, else in the system's."""
        named = stranger.tenant
        tenant = named if named and await self._founded.get(named) else SYSTEM
        caller = Caller(tenant=tenant, actor=Actor("system", SYSTEM), circumstances=circumstances)
        resource = f"{api_keys.name}/{stranger.key}" if stranger.key else ""
        try:
            await self._trail.refused(caller, Denial("authenticate", "", stranger.code, resource))
        except Exception:  # noqa: BLE001 - whoever is turned away is turned away, noted or not
            _log.exception("A failed authentication could not be recorded.")

    async def _look(self, tenant: UUID) -> bool:
        return (await self._logs.of(tenant).load(f"{orgs.name}/{tenant}", orgs)).version > 0

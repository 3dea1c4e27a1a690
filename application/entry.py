"""Who comes in: a credential becomes a caller, and that is noted, as is who is turned away where they wanted to go."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from uuid import UUID

from msgspec.structs import replace

from application.api_keys import Keyring, Unauthenticated
from application.audit import NOBODY, Trail
from application.fresh import Fresh
from application.kernel import Caller
from application.ports import Closed, Logs
from domain.api_keys import api_keys
from domain.audit import Denial, SignedIn
from domain.kernel import Actor, Circumstances
from domain.orgs import orgs
from tenants.context import SYSTEM

PERIOD = 12 * 3600.0
"""Seconds for which a key that came in from a place is not told of again from there.

Half a day: of who works by day it is told every day, and of a program that never rests twice a day, however long.
"""
PLACES = 10_000
"""That are remembered; the one not seen for longest is forgotten first, and told of again when it is seen again."""

_log = logging.getLogger(__name__)
_Place = tuple[int, int, Actor | None, str, str, str]
"""Tenant, key, for whom it is claimed to be used, session, address and user agent; integers hash faster than UUIDs."""


class Entry:
    def __init__(self, keyring: Keyring, logs: Logs, trail: Trail, clock: Callable[[], float] = monotonic) -> None:
        self._keyring = keyring
        self._logs = logs
        self._trail = trail
        self._clock = clock
        self._places: OrderedDict[_Place, tuple[float, asyncio.Task[None]]] = OrderedDict()
        """From where keys came in: until when it is not told of again, and what tells of it."""
        self._founded: Fresh[UUID, bool] = Fresh(self._look, limit=60.0)
        self._here: set[UUID] = set()
        """Tenants that somebody came in to, or was turned away from once they were found to be there."""

    async def admit(self, text: str, circumstances: Circumstances) -> Caller:
        """The caller who presents this API key. Raises `Unauthenticated`, once that is audited."""
        try:
            caller = await self._keyring.caller(text)
        except Unauthenticated as stranger:
            await self._note(stranger, circumstances)
            raise
        self._here.add(caller.tenant)
        return replace(caller, circumstances=circumstances)

    async def seen(self, caller: Caller) -> None:
        """Whoever is about to be answered. Where their key was not seen lately from there, return once that is told.

        Not what the same place asks meanwhile is answered before either: a crash forgets nobody who was.
        """
        where = caller.circumstances
        key = caller.actor.id
        place = caller.tenant.int, key.int, caller.on_behalf_of, where.session, where.ip, where.agent
        now = self._clock()
        until, telling = self._places.get(place, (now, None))
        if telling is None or until <= now:
            # The reason is that of what is asked, and stands with it.
            bare = replace(caller, circumstances=replace(where, reason=""))
            fact = SignedIn(f"{api_keys.name}/{key}")
            telling = asyncio.create_task(self._trail.signed_in(bare, fact))
            self._places[place] = now + PERIOD, telling
            if len(self._places) > PLACES:
                self._places.popitem(last=False)
        self._places.move_to_end(place)
        if not telling.done():
            # Whoever gives up waiting takes the record along from nobody else.
            await asyncio.shield(telling)

    def known(self, text: str) -> bool:
        """Whether somebody came in with this key before, as far as this process remembers; nothing is looked up."""
        return self._keyring.proven(text) is not None

    def unheard(self, text: str, circumstances: Circumstances, code: str) -> None:
        """Count one who was turned away before anything was looked up: for the key, or else where it says it is of."""
        if caller := self._keyring.proven(text):
            self.limited(replace(caller, circumstances=circumstances), code)
            return
        tenant, key = self._keyring.claimed(text)
        caller = Caller(tenant=tenant if tenant in self._here else SYSTEM, actor=NOBODY, circumstances=circumstances)
        self._trail.count(caller, _denial(code, key))

    def limited(self, caller: Caller, code: str) -> None:
        """Count one who is known and asked for more than a key may."""
        self._trail.count(caller, _denial(code, caller.actor.id))

    async def _note(self, stranger: Unauthenticated, circumstances: Circumstances) -> None:
        """In the tenant that the key names, if there is one, else in the system's."""
        tenant = stranger.tenant
        if tenant and await self._founded.get(tenant):
            self._here.add(tenant)
        else:
            tenant = SYSTEM
        caller = Caller(tenant=tenant, actor=NOBODY, circumstances=circumstances)
        denial = _denial(stranger.code, stranger.key)
        try:
            with suppress(Closed):
                await self._trail.turned_away(caller, denial)
                return
            # The organisation has left: its trail takes nothing more here.
            await self._trail.turned_away(replace(caller, tenant=SYSTEM), denial)
        except Exception:  # noqa: BLE001 - whoever is turned away is turned away, noted or not
            _log.exception("A failed authentication could not be recorded.")

    async def _look(self, tenant: UUID) -> bool:
        return (await self._logs.of(tenant).load(f"{orgs.name}/{tenant}", orgs)).version > 0


def _denial(code: str, key: UUID | None) -> Denial:
    return Denial("authenticate", "", code, f"{api_keys.name}/{key}" if key else "")

"""The trail of who came in, was refused, or looks at it as an operator. What was done stands in the log anyway."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from uuid import UUID, uuid4

from msgspec import Struct
from msgspec.structs import replace

from application.kernel import Caller
from application.patience import Patience
from application.ports import Appended, Closed, Conflict, Logs, SubjectErased, Unanswered
from domain.audit import Denial, Operated, SignedIn, audit, divided
from domain.kernel import Actor, Fact, Meta
from tenants.context import SYSTEM
from tenants.quotas import Quota

NOBODY = Actor("system", SYSTEM)
"""Stands for whoever is not known by a key, and for many of those that are, where they are counted together."""
EVERY = 10.0
"""Seconds after which what was only counted is told."""
APART = 1_000
"""How many actors and codes are counted each for itself; what comes beyond them is counted by tenant and code."""

_log = logging.getLogger(__name__)
Kind = tuple[UUID, Actor, str]
"""What is counted together: by tenant, actor and code, which is empty of sign-ins."""


class Counted(Struct, frozen=True):
    """Refusals or sign-ins of a kind: the last of them, which says how many more there were."""

    caller: Caller
    fact: Denial | SignedIn
    rule: str
    event: UUID
    """That tells of them, however often it is tried."""


class Trail:
    """Records refusals, and sign-ins: of each actor at most `rate` a minute, of strangers at an address `strangers`.

    What is beyond is counted, and told while `telling`. So nobody fills a log by being refused, and whoever makes noise
    hides nobody's refusals but their own.
    """

    def __init__(self, logs: Logs, rate: int = 600, strangers: int = 60) -> None:
        self._logs = logs
        self._actors = Quota(rate)
        self._comers = Quota(rate)
        self._addresses = Quota(strangers)
        self._strangers = Quota(rate)
        """Of all addresses together: a stranger may have many."""
        self._counted: dict[Kind, Counted] = {}
        self._untold: dict[Kind, Counted] = {}
        """What the log is being told of."""

    async def refused(self, caller: Caller, denial: Denial, rule: str = "") -> Appended | None:
        """Where the refusal stands in the caller's tenant; None where it was only counted."""
        if self._actors.take((caller.tenant, caller.actor.id), monotonic()).allowed:
            return await _told(self._logs, caller, denial, rule)
        self.count(caller, denial, rule)
        return None

    async def signed_in(self, caller: Caller, fact: SignedIn) -> None:
        """Recorded when it returns, or counted. Nobody who may come in is kept out for want of a record of it."""
        if self._comers.take((caller.tenant, caller.actor.id), monotonic()).allowed:
            try:
                await _told(self._logs, caller, fact)
            except Unanswered:
                # The disk is full, say, and what is read goes on being shown: it is told once the log takes facts.
                pass
            except Exception:  # noqa: BLE001 - whoever may come in comes in
                _log.exception("A sign-in cannot be recorded yet.")
            else:
                return
        self.count(caller, fact)

    async def turned_away(self, caller: Caller, denial: Denial) -> None:
        """The same for somebody who is not known: in the caller's tenant, by the caller's address."""
        now, place = monotonic(), (caller.tenant, caller.circumstances.ip)
        if self._addresses.take(place, now).allowed and self._strangers.take(caller.tenant, now).allowed:
            await _told(self._logs, caller, denial)
        else:
            self.count(caller, denial)

    def count(self, caller: Caller, fact: Denial | SignedIn, rule: str = "") -> None:
        """Without recording it by itself."""
        code = fact.code if isinstance(fact, Denial) else ""
        kind = caller.tenant, caller.actor, code
        if kind not in self._counted and len(self._counted) + len(self._untold) >= APART:
            caller = Caller(tenant=caller.tenant, actor=NOBODY)
            kind = caller.tenant, NOBODY, code
        earlier = self._counted.get(kind)
        fact = replace(fact, more=earlier.fact.more + 1 if earlier else 0)
        self._counted[kind] = Counted(caller, fact, rule, earlier.event if earlier else uuid4())

    @asynccontextmanager
    async def telling(self, every: float = EVERY) -> AsyncIterator[None]:
        """What was only counted is told every so many seconds, and at the end of the block."""
        task = asyncio.create_task(self._tell_on(every))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.tell()

    async def tell(self) -> None:
        """Record what was only counted, once. What cannot be recorded now is tried again the next time."""
        for kind in self._counted.keys() - self._untold.keys():
            self._untold[kind] = self._counted.pop(kind)
        await asyncio.gather(*(self._tell(kind, each) for kind, each in self._untold.items()))

    async def _tell_on(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            await self.tell()

    async def _tell(self, kind: Kind, counted: Counted) -> None:
        tenant, many = counted.caller.tenant, counted.fact.more + 1
        try:
            await _told(self._logs, counted.caller, counted.fact, counted.rule, counted.event)
        except Conflict:
            # An attempt that nobody had answered got through.
            pass
        except Closed:
            _log.warning("%d refusals or sign-ins in tenant %s are in no log: its own is closed.", many, tenant)
        except Exception:  # noqa: BLE001 - one organisation's log keeps no other's waiting
            _log.exception("%d refusals or sign-ins in tenant %s cannot be recorded yet.", many, tenant)
            return
        self._untold.pop(kind, None)


async def operated(logs: Logs, caller: Caller, command: str, given: dict[str, object]) -> Appended:
    """Record what an operator is about to look at: in the tenant's log, or the system's where that one has left."""
    event = uuid4()
    clear, sought = divided((name, str(value)) for name, value in given.items() if value not in (None, ""))
    fact = Operated(command, clear, event, sought)
    try:
        return await _told(logs, caller, fact, event=event)
    except Closed:
        here = replace(caller, tenant=SYSTEM)
        fact = replace(fact, given=(("tenant", str(caller.tenant)), *clear))
        return await _told(logs, here, fact, event=event)


async def _told(logs: Logs, caller: Caller, fact: Fact, rule: str = "", event: UUID | None = None) -> Appended:
    """In a stream of its own."""
    event = event or uuid4()
    meta = Meta(
        event=event,
        actor=caller.actor,
        permission=fact.permission if isinstance(fact, Denial) else "",
        rule=rule,
        on_behalf_of=caller.on_behalf_of,
        correlation=caller.correlation,
        trace=caller.trace,
        circumstances=caller.circumstances,
    )
    log, stream = logs.of(caller.tenant), f"{audit.name}/{event}"
    try:
        return await Patience().answer(log.submit(stream, 0, [fact], meta))
    except SubjectErased:
        # Who acts was erased: that they did stays, without from where and why, which are sealed under their key.
        return await Patience().answer(log.submit(stream, 0, [fact], replace(meta, circumstances=None)))

"""The trail of what was refused, and of what operators look at. What was done stands in the log anyway."""

from collections import Counter
from time import monotonic
from uuid import UUID, uuid4

from msgspec.structs import replace

from application.kernel import Caller
from application.patience import Patience
from application.ports import Appended, Closed, Logs, SubjectErased
from domain.audit import Denial, Operated, audit
from domain.kernel import Fact, Meta
from tenants.context import SYSTEM
from tenants.quotas import Quota


class Trail:
    """Records refusals, at most `rate` a minute and tenant; what is beyond is counted by the next one recorded.

    So nobody fills a log by being refused.
    """

    def __init__(self, logs: Logs, rate: int = 600) -> None:
        self._logs = logs
        self._quota = Quota(rate)
        self._more: Counter[UUID] = Counter()

    async def refused(self, caller: Caller, denial: Denial, rule: str = "") -> Appended | None:
        """Where the refusal stands in the caller's tenant; None where it was only counted."""
        if not self._quota.take(caller.tenant, monotonic()).allowed:
            self._more[caller.tenant] += 1
            return None
        denial = replace(denial, more=self._more.pop(caller.tenant, 0))
        return await _told(self._logs, caller, denial, denial.permission, rule)


async def operated(logs: Logs, caller: Caller, command: str, given: dict[str, object]) -> Appended:
    """Record what an operator is about to look at: in the tenant's log, or the system's where that one has left."""
    named = tuple((name, str(value)) for name, value in given.items() if value not in (None, ""))
    try:
        return await _told(logs, caller, Operated(command, named))
    except Closed:
        here = replace(caller, tenant=SYSTEM)
        return await _told(logs, here, Operated(command, (("tenant", str(caller.tenant)), *named)))


async def _told(logs: Logs, caller: Caller, fact: Fact, permission: str = "", rule: str = "") -> Appended:
    """In a stream of its own."""
    event = uuid4()
    meta = Meta(
        event=event,
        actor=caller.actor,
        permission=permission,
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

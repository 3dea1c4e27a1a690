"""The trail of what was refused. What was done stands in the log anyway."""

from collections import Counter
from time import monotonic
from uuid import UUID, uuid4

from msgspec.structs import replace

from application.kernel import Caller
from application.patience import Patience
from application.ports import Appended, Logs
from domain.audit import Denial, audit
from domain.kernel import Meta
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
        event = uuid4()
        meta = Meta(
            event=event,
            actor=caller.actor,
            permission=denial.permission,
            rule=rule,
            on_behalf_of=caller.on_behalf_of,
            correlation=caller.correlation,
            trace=caller.trace,
            circumstances=caller.circumstances,
        )
        log = self._logs.of(caller.tenant)
        return await Patience().answer(log.submit(f"{audit.name}/{event}", 0, [denial], meta))

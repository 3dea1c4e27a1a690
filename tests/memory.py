"""Logs in memory, for tests of what stands above them: same answers, no database, nothing sealed.

`tests/adapters` holds the real log to its contract; here a test can step in between two calls.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from msgspec.structs import replace

from application.pending import Pending
from application.ports import Appended, Conflict, Loaded, Reused, Taken
from domain.kernel import Recorded


class MemoryLog:
    def __init__(self, tenant: UUID) -> None:
        self.tenant = tenant
        self.facts: list[Recorded] = []
        self.stamps: dict = {}
        self.taken: dict = {}
        self.loads = 0
        self.before_submit: list = []
        """Functions, each called once before the next submissions: what somebody else does in between."""

    async def load(self, stream, decider):
        self.loads += 1
        recorded = [each for each in self.facts if each.stream == stream]
        position = recorded[-1].position if recorded else 0
        return Loaded(decider.fold(each.fact for each in recorded), len(recorded), position, 1)

    def submit(self, stream, expected, facts, meta, once=None):
        if self.before_submit:
            self.before_submit.pop(0)()
        future: Pending = Pending()
        try:
            future.set_result(self._append(stream, expected, facts, meta, once))
        except (Conflict, Taken, Reused) as problem:
            future.set_exception(problem)
        return future

    def _append(self, stream, expected, facts, meta, once):
        if once and (earlier := self._stamped(once)):
            return replace(earlier, repeated=True)
        version = sum(each.stream == stream for each in self.facts)
        if version != expected:
            raise Conflict(stream, version)
        wanted = [email for fact in facts if (email := getattr(fact, "email", None))]
        if any(self.taken.get(email, stream) != stream for email in wanted):
            raise Taken("prospects.email")
        # Only once nothing stands against any of it: what is refused reserves nothing.
        self.taken |= dict.fromkeys(wanted, stream)
        first = len(self.facts) + 1
        for n, fact in enumerate(facts):
            at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=first + n)
            event = meta.event if n == 0 else uuid4()
            tag = fact.__struct_config__.tag
            recorded = Recorded(first + n, stream, version + n + 1, at, replace(meta, event=event), fact, tag)
            self.facts.append(recorded)
        appended = Appended(first, len(self.facts), version + len(facts), datetime.now(UTC))
        if once:
            self.stamps[once.credential, once.key] = (once.request, appended)
        return appended

    def _stamped(self, once):
        request, appended = self.stamps.get((once.credential, once.key), (once.request, None))
        if request != once.request:
            raise Reused
        return appended

    async def repeat(self, once):
        return self._stamped(once)

    async def tail(self, after, limit=1000):
        return self.facts[after : after + limit]

    async def at(self, positions):
        return [self.facts[each - 1] for each in sorted(positions) if each <= len(self.facts)]

    async def history(self, stream, upto=None):
        return [each for each in self.facts if each.stream == stream and (upto is None or each.version <= upto)]

    async def opened(self, value):
        return value

    async def opened_fields(self, rows, names):
        return [{} for _ in rows]

    def head(self):
        return 1, len(self.facts)


class MemoryLogs:
    def __init__(self) -> None:
        self.logs: dict = {}

    def of(self, tenant):
        return self.logs.setdefault(tenant, MemoryLog(tenant))

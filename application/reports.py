"""What can be asked of reports: one about a stretch of time, its file, and one at the end of each period."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, ClassVar
from uuid import UUID, uuid4, uuid5

from msgspec import Meta, Struct

from application.kernel import Command
from application.ports import Conflict, Log
from domain import kernel
from domain import reports as domain
from domain.kernel import Actor, Fact
from domain.reports import Every, Format, Kind, Report, Taken, reports
from tenants.context import SYSTEM

MOST = 400
"""Reports that one schedule asks for in a pass: more than a year's days."""
WAIT = 30.0
"""Seconds that a fact may take to be recorded before it is tried again."""

_Since = Annotated[datetime, Meta(tz=True, description="From this moment on.", examples=["2026-01-01T00:00:00Z"])]
_Until = Annotated[
    datetime,
    Meta(
        tz=True,
        description="Up to this moment, without it; what lies ahead is left out.",
        examples=["2026-04-01T00:00:00Z"],
    ),
]


class Make(Command, frozen=True, kw_only=True):
    permission: ClassVar = "reports.make"
    stream: ClassVar = reports
    opens: ClassVar = True
    kind: Kind
    since: _Since
    until: _Until

    def decide(self, report: Report) -> list[Fact]:
        return domain.ask(report, self.kind, self.since, self.until)


class Take(Command, frozen=True, kw_only=True):
    """Records a file of a report. Whoever hands one out gives this first: without a record nothing leaves."""

    permission: ClassVar = "reports.read"
    stream: ClassVar = reports
    format: Format
    rows: int
    size: int
    digest: str

    def decide(self, report: Report) -> list[Fact]:
        return domain.take(report, Taken(self.format, self.rows, self.size, self.digest))


class Schedule(Command, frozen=True, kw_only=True):
    permission: ClassVar = "reports.schedule"
    stream: ClassVar = reports
    kind: Kind
    every: Annotated[Every, Meta(description="A period of the calendar in UTC; weeks begin on Monday.")]

    def decide(self, report: Report) -> list[Fact]:
        return domain.schedule(report, self.kind, self.every)


class Unschedule(Command, frozen=True, kw_only=True):
    permission: ClassVar = "reports.schedule"
    stream: ClassVar = reports

    def decide(self, report: Report) -> list[Fact]:
        return domain.unschedule(report)


class Due(Struct, frozen=True):
    """A schedule, and when the first period began that it has not asked about."""

    schedule: UUID
    since: datetime


class Reporting:
    """Asks for one tenant's scheduled reports. A period's report has one identifier, so it is asked for once."""

    def __init__(self, log: Log, due: Callable[[datetime], list[Due]]) -> None:
        self._log = log
        self._due = due

    def advance(self) -> int:
        """How many reports were asked for."""
        now = datetime.now(UTC)
        return sum(self._ask(each, now) for each in self._due(now))

    def _ask(self, due: Due, now: datetime) -> int:
        history = list(self._log.stream(f"{reports.name}/{due.schedule}"))
        # The view is a hint. Only the log says that the schedule stands.
        state = reports.fold(each.fact for each in history)
        if state.scheduled is None or state.ended:
            return 0
        asked, since = 0, due.since
        while asked < MOST and (until := domain.end(state.scheduled.every, since)) <= now:
            asked += self._one(due.schedule, state.scheduled, since, until, history[0].meta.event)
            since = until
        return asked

    def _one(
        self, schedule: UUID, scheduled: domain.Scheduled, since: datetime, until: datetime, causation: UUID
    ) -> int:
        facts: list[Fact] = [domain.Asked(scheduled.kind, since, until, schedule)]
        meta = kernel.Meta(
            event=uuid4(), actor=Actor("system", SYSTEM), permission=Make.permission, causation=causation
        )
        stream = f"{reports.name}/{uuid5(schedule, since.isoformat())}"
        try:
            self._log.submit(stream, 0, facts, meta).result(WAIT)
        except Conflict:
            return 0
        return 1

"""What can be asked of reports: one about a stretch of time, and its file."""

from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta

from application.kernel import Command
from domain import reports as domain
from domain.kernel import Fact
from domain.reports import Format, Kind, Report, Taken, reports

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

"""A report: a question about a stretch of the log, asked at a position, so that it has one answer for ever.

Nothing of the answer is kept: it follows from the log up to the fact that asks for it, and whoever takes it away as a
file is recorded. A schedule asks the same kind of question again at the end of each period of the calendar.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal, get_args
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Decider, Fact, Refused

Kind = Literal["access-review", "data-access", "changes", "decisions", "processing", "erasures"]
Format = Literal["pdf", "xlsx", "json"]
Every = Literal["day", "week", "month", "quarter", "year"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Asked(Fact, frozen=True, tag="reports.asked"):
    kind: str
    since: datetime
    until: datetime
    """The first moment that is no part of it; what was recorded later than the fact itself is none either."""
    schedule: UUID | None = None
    """The schedule that asked."""


class Taken(Fact, frozen=True, tag="reports.taken"):
    """The report left as a file: recorded first, and handed out then."""

    format: str
    rows: int
    size: int
    """In bytes."""
    digest: str
    """SHA-256 of the file, in hexadecimal digits."""


class Scheduled(Fact, frozen=True, tag="reports.scheduled"):
    """From the period on in which this is recorded, the report is asked for at each period's end."""

    kind: str
    every: str
    """A period of the calendar in UTC; weeks begin on Monday."""


class Unscheduled(Fact, frozen=True, tag="reports.unscheduled"):
    pass


Facts = Asked | Taken | Scheduled | Unscheduled


class Report(Struct, frozen=True):
    """What a stream says of a report, or of a schedule."""

    asked: Asked | None = None
    scheduled: Scheduled | None = None
    ended: bool = False


def evolve(report: Report, fact: Facts) -> Report:
    match fact:
        case Asked():
            return replace(report, asked=fact)
        case Scheduled():
            return replace(report, scheduled=fact)
        case Unscheduled():
            return replace(report, ended=True)
        case Taken():
            return report


def ask(report: Report, kind: Kind, since: datetime, until: datetime, schedule: UUID | None = None) -> list[Fact]:
    if since >= until:
        raise Refused("reports.empty", since=since.isoformat(), until=until.isoformat())
    if report.scheduled:
        raise Refused("reports.exists")
    asked = Asked(kind, since, until, schedule)
    if report.asked not in (None, asked):
        raise Refused("reports.exists")
    return [] if report.asked else [asked]


def take(report: Report, taken: Taken) -> list[Fact]:
    if report.asked is None:
        raise Refused("reports.unknown")
    return [taken]


def schedule(report: Report, kind: Kind, every: Every) -> list[Fact]:
    scheduled = Scheduled(kind, every)
    if report.asked or report.ended or report.scheduled not in (None, scheduled):
        raise Refused("reports.exists")
    return [] if report.scheduled else [scheduled]


def unschedule(report: Report) -> list[Fact]:
    if report.scheduled is None:
        raise Refused("reports.unknown")
    return [] if report.ended else [Unscheduled()]


def beginning(every: str, at: datetime) -> datetime:
    """When the period began that a moment lies in."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if every == "week":
        return day - timedelta(days=day.weekday())
    if months := _MONTHS.get(every):
        return day.replace(day=1, month=day.month - (day.month - 1) % months)
    return day


def end(every: str, beginning: datetime) -> datetime:
    """When the period ends that began then."""
    if months := _MONTHS.get(every):
        years, month = divmod(beginning.month - 1 + months, 12)
        return beginning.replace(year=beginning.year + years, month=month + 1)
    return beginning + timedelta(days=7 if every == "week" else 1)


_MONTHS = {"month": 1, "quarter": 3, "year": 12}


reports = Decider("reports", Facts, Report(), evolve)

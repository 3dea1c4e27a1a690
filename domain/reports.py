"""A report: a question about a stretch of the log, asked at a position, so that it has one answer for ever.

Nothing of the answer is kept: it follows from the log up to the fact that asks for it, and whoever takes it away as a
file is recorded.
"""

from datetime import datetime
from typing import Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Decider, Fact, Refused

Kind = Literal["access-review", "data-access", "changes", "decisions", "processing", "erasures"]
Format = Literal["pdf", "xlsx", "json"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Asked(Fact, frozen=True, tag="reports.asked"):
    kind: str
    since: datetime
    until: datetime
    """The first moment that is no part of it; not later than the fact itself was recorded."""


class Taken(Fact, frozen=True, tag="reports.taken"):
    """The report left as a file: recorded first, and handed out then."""

    format: str
    rows: int
    size: int
    """In bytes."""
    digest: str
    """SHA-256 of the file, in hexadecimal digits."""


class Report(Struct, frozen=True):
    asked: Asked | None = None


def evolve(report: Report, fact: Asked | Taken) -> Report:
    return replace(report, asked=fact) if isinstance(fact, Asked) else report


def ask(report: Report, kind: Kind, since: datetime, until: datetime) -> list[Fact]:
    if since >= until:
        raise Refused("reports.empty", since=since.isoformat(), until=until.isoformat())
    asked = Asked(kind, since, until)
    if report.asked not in (None, asked):
        raise Refused("reports.exists")
    return [] if report.asked else [asked]


def take(report: Report, taken: Taken) -> list[Fact]:
    if report.asked is None:
        raise Refused("reports.unknown")
    return [taken]


reports = Decider("reports", Asked | Taken, Report(), evolve)

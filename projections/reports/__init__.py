"""Reports for compliance officers: each follows from the log up to the moment it was asked for."""

from projections.reports.content import MOST, Cell, Report, Section, Sources
from projections.reports.made import TITLES, Decided, Entries, Get, Latest, List, Made, reports, sections
from projections.reports.planned import ListPlanned, Planned, schedules

__all__ = [
    "MOST",
    "TITLES",
    "Cell",
    "Decided",
    "Entries",
    "Get",
    "Latest",
    "List",
    "ListPlanned",
    "Made",
    "Planned",
    "Report",
    "Section",
    "Sources",
    "reports",
    "schedules",
    "sections",
]

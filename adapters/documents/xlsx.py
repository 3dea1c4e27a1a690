"""A report as a workbook (Office Open XML): a sheet about the report, and one for each of its sections.

No cell is computed: a text is written as a text, whatever it begins with.
"""

import re
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final

from xlsxwriter import Workbook

from projections.reports import Cell, Report, Section

LONGEST: Final = 32_767
"""Characters that a cell holds."""
_WIDEST, _SAMPLE = 60, 200
_NAMED = 31
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\']")


def xlsx(report: Report) -> bytes:
    written = BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "remove_timezone": True,
        "default_date_format": "yyyy-mm-dd hh:mm:ss",
    }
    with Workbook(written, options) as book:
        book.set_properties({"title": report.title, "created": report.asked_at.astimezone(UTC).replace(tzinfo=None)})
        bold = book.add_format({"bold": True, "bottom": 1})
        _about(book, report, bold)
        for section in report.sections:
            _sheet(book, section, bold)
    return written.getvalue()


def _about(book: Any, report: Report, bold: Any) -> None:
    sheet = book.add_worksheet("About")
    sheet.set_column(0, 0, 20)
    sheet.set_column(1, 1, 90)
    told: list[tuple[str, Cell]] = [
        ("Report", report.title),
        ("Basis", report.basis),
        ("Organisation", str(report.tenant)),
        ("From", report.since),
        ("Up to, without", report.until),
        ("Asked by", report.asked_by),
        ("Asked at", report.asked_at),
        ("Report's identifier", str(report.id)),
        ("Log", report.origin),
        ("Up to position", report.position),
    ]
    told += [(section.title, section.note + ("" if section.whole else f" {PARTIAL}")) for section in report.sections]
    for row, (name, value) in enumerate(told):
        sheet.write_string(row, 0, name, bold)
        _write(sheet, row, 1, value)


PARTIAL: Final = (
    "There is more than this holds: these are the oldest. "
    "A report of a shorter period holds more of it, an export of the trail all."
)


def _sheet(book: Any, section: Section, bold: Any) -> None:
    sheet = book.add_worksheet(_NOT_IN_NAMES.sub(" ", section.title)[:_NAMED])
    for column, name in enumerate(section.columns):
        shown = [len(str(row[column])) for row in section.rows[:_SAMPLE] if row[column] is not None]
        sheet.set_column(column, column, min(max([len(name), *shown]) + 2, _WIDEST))
        sheet.write_string(0, column, name, bold)
    for number, row in enumerate(section.rows, 1):
        for column, value in enumerate(row):
            _write(sheet, number, column, value)
    sheet.freeze_panes(1, 0)
    if section.rows:
        sheet.autofilter(0, 0, len(section.rows), len(section.columns) - 1)


def _write(sheet: Any, row: int, column: int, value: Cell) -> None:
    match value:
        case None:
            pass
        case datetime():
            sheet.write_datetime(row, column, value.astimezone(UTC))
        case int() | float():
            sheet.write_number(row, column, value)
        case str():
            sheet.write_string(row, column, value if len(value) <= LONGEST else value[: LONGEST - 1] + "…")

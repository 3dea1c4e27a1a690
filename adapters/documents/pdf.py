"""A report as a tagged PDF (PDF/A-2a, for archives and screen readers), set by Typst from the template beside.

What the report says reaches the template as data, never as markup, and the template reads no file but itself.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from projections.reports import Cell, Report

TEMPLATE: Final = Path(__file__).with_name("report.typ")
WIDE: Final = 6
"""Columns of a section from which on the pages lie across."""
_BROAD: Final = 36
"""Letters, those of an identifier: what is longer is broken."""


def pdf(report: Report) -> bytes:
    # It brings 80 MB of fonts and a compiler, and most processes never set a page.
    import typst

    try:
        return _set(report, "a-2a")
    except typst.TypstError:
        # A letter that no font here has is a box on the page, which an archive does not take. The workbook has it.
        return _set(report, None)


def _set(report: Report, standard: Literal["a-2a"] | None) -> bytes:
    import typst

    return typst.compile(
        TEMPLATE,
        root=TEMPLATE.parent,
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"report": msgspec.json.encode(_told(report)).decode()},
        pdf_standards=standard,
        timestamp=int(report.asked_at.timestamp()),
    )


def _told(report: Report) -> dict[str, object]:
    return {
        "title": report.title,
        "basis": report.basis,
        "about": [
            ("Organisation", str(report.tenant)),
            ("From", _cell(report.since)),
            ("Up to, without", _cell(report.until)),
            ("Asked by", report.asked_by),
            ("Asked at", _cell(report.asked_at)),
            ("Report", str(report.id)),
            ("Log", report.origin),
            ("Up to position", str(report.position)),
        ],
        "sections": [
            {
                "title": each.title,
                "note": each.note,
                "columns": each.columns,
                "rows": rows,
                "whole": each.whole,
                "widths": _widths(each.columns, rows),
            }
            for each in report.sections
            for rows in [[[_cell(value) for value in row] for row in each.rows]]
        ],
        "wide": any(len(each.columns) >= WIDE for each in report.sections),
    }


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Of each column, in parts of the page: as its longer texts need, none squeezed and none spread out."""
    return [min(max([len(name), *(len(row[at]) for row in rows)]), _BROAD) + 2 for at, name in enumerate(columns)]


def _cell(value: Cell) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        case float():
            return f"{value:.6g}"
        case _:
            return str(value)

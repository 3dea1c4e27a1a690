"""A report as a tagged PDF (PDF/A-2a, for archives and screen readers), set by Typst from the template beside.

What the report says reaches the template as data, never as markup, and the template reads no file but itself.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from projections.reports import Cell, Report

TEMPLATE: Final = Path(__file__).with_name("report.typ")
WIDE: Final = 6
"""Columns from which on a section lies across."""


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
                "rows": [[_cell(value) for value in row] for row in each.rows],
                "whole": each.whole,
                "wide": len(each.columns) >= WIDE,
            }
            for each in report.sections
        ],
    }


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

"""Reports as files: what is in them is data, whatever it looks like, and the same report is the same bytes."""

import re
import zipfile
import zlib
from datetime import UTC, datetime
from io import BytesIO
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace
from xlsxwriter import Workbook

from adapters.documents import DOCUMENTS
from projections.reports import Report, Section

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVIL = ("=1+1", "+1", "-1", "@SUM(A1)", "{=1}", "http://example.org", "007", "#panic()", "*bold* $x$ @label", '</t>"\\')
_XML = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def report(*rows, columns=("Name", "Times", "At"), whole=True):
    section = Section(title="What's / refused: [all]", note="Note.", columns=columns, rows=list(rows), whole=whole)
    return Report(
        id=UUID(int=1),
        kind="changes",
        title="Changes",
        basis="Basis.",
        tenant=UUID(int=2),
        since=NOW,
        until=NOW,
        asked_by="user:1",
        asked_at=NOW,
        origin="everlog/2",
        generation=1,
        position=9,
        sections=[section],
    )


def cells(workbook, sheet=2):
    """The formulas of a sheet, and its texts."""
    with zipfile.ZipFile(BytesIO(workbook)) as parts:
        drawn = ET.fromstring(parts.read(f"xl/worksheets/sheet{sheet}.xml"))  # noqa: S314 - made just now
        shared = ET.fromstring(parts.read("xl/sharedStrings.xml"))  # noqa: S314 - made just now
    texts = [each.findtext(f"{_XML}t") for each in shared.iter(f"{_XML}si")]
    found = [each for each in drawn.iter(f"{_XML}c") if each.get("t") == "s"]
    return [each.text for each in drawn.iter(f"{_XML}f")], [texts[int(each.findtext(f"{_XML}v", ""))] for each in found]


@pytest.mark.parametrize("kind", sorted(DOCUMENTS))
def test_the_same_report_is_the_same_bytes(kind):
    told = report(("Ada", 3, NOW))
    assert DOCUMENTS[kind](told) == DOCUMENTS[kind](told)
    assert DOCUMENTS[kind](told) != DOCUMENTS[kind](report(("Ada", 4, NOW)))


def test_no_cell_of_a_workbook_is_computed():
    formulas, texts = cells(DOCUMENTS["xlsx"](report(*((each, 1, NOW) for each in EVIL))))
    assert formulas == []
    assert [each for each in texts if each in EVIL] == list(EVIL)


def test_a_formula_would_be_found():
    written = BytesIO()
    with Workbook(written) as book:
        book.add_worksheet().write(0, 0, "=1+1")
        book.worksheets()[0].write(0, 1, "text")
    assert cells(written.getvalue(), 1)[0] == ["1+1"]


def test_a_text_that_no_cell_holds_is_cut():
    _, texts = cells(DOCUMENTS["xlsx"](report(("x" * 40_000, 1, NOW))))
    assert max(map(len, texts)) == 32_767


def conformance(pdf):
    """What the file says of itself to archives, "" where nothing."""
    found = re.search(rb"<pdfaid:part>(.)</pdfaid:part><pdfaid:conformance>(.)<", pdf)
    return b"".join(found.groups()).decode() if found else ""


def test_a_page_is_for_archives_and_tagged():
    made = DOCUMENTS["pdf"](report(*((each, 1, NOW) for each in EVIL)))
    assert made.startswith(b"%PDF-")
    assert conformance(made) == "2A"
    assert b"/StructTreeRoot" in made or b"/StructTreeRoot" in inflated(made)


def inflated(pdf):
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    return b"".join(filter(None, map(_inflate, streams)))


def _inflate(stream):
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""


def test_a_letter_without_a_glyph_costs_the_archive_and_not_the_report():
    made = DOCUMENTS["pdf"](report(("東京", 1, NOW)))
    assert made.startswith(b"%PDF-")
    assert conformance(made) == ""


def test_what_is_cut_short_says_so():
    told = report(("Ada", 1, NOW), whole=False)
    _, texts = cells(DOCUMENTS["xlsx"](told), 1)
    assert any("There is more" in each for each in texts)
    assert DOCUMENTS["pdf"](told) != DOCUMENTS["pdf"](replace(told, sections=[replace(told.sections[0], whole=True)]))


def test_nothing_and_much_are_set_too():
    wide = tuple("abcdefghi")
    for told in (report(), report(*[("x" * 100,) * 9] * 300, columns=wide)):
        assert DOCUMENTS["pdf"](told).startswith(b"%PDF-")
        assert DOCUMENTS["xlsx"](told).startswith(b"PK")

"""Reports as files: PDF set by Typst, workbooks written by XlsxWriter."""

from collections.abc import Callable, Mapping
from typing import Final

from adapters.documents.pdf import pdf
from adapters.documents.xlsx import xlsx
from projections.reports import Report

DOCUMENTS: Final[Mapping[str, Callable[[Report], bytes]]] = {"pdf": pdf, "xlsx": xlsx}

__all__ = ["DOCUMENTS"]

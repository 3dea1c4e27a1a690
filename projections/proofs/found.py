"""What a look at a whole organisation finds wrong."""

from collections import Counter
from uuid import UUID

from msgspec import Struct

MOST = 100
"""Findings of a kind that are kept; more are counted."""


class Finding(Struct, frozen=True, omit_defaults=True):
    """One thing that is not as it was recorded. It never quotes what an event or a row says of a person."""

    kind: str
    why: str
    position: int | None = None
    """In the log, where it can be told."""
    until: int | None = None
    """The last position, where only a span can be told."""
    view: str | None = None
    row: str | None = None


class Findings:
    """Those of one look, in the order in which they were found; memory does not grow with what is wrong."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.counts: Counter[str] = Counter()

    def add(self, kind: str, why: str, position: int | None = None, until: int | None = None) -> None:
        """Something in the log."""
        self._keep(Finding(kind, why, position, until))

    def row(self, kind: str, why: str, row: UUID | str, view: str | None = None, position: int | None = None) -> None:
        """Something in a table that is no log: of a view, or of keys; the event that it came of, where there is one."""
        self._keep(Finding(kind, why, position, view=view, row=str(row)))

    def view(self, kind: str, why: str, view: str, position: int | None = None) -> None:
        """Something of a whole view."""
        self._keep(Finding(kind, why, position, view=view))

    def _keep(self, finding: Finding) -> None:
        self.counts[finding.kind] += 1
        if self.counts[finding.kind] <= MOST:
            self.kept.append(finding)

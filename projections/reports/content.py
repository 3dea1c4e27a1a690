"""What a report holds, and what it is made from."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from msgspec import Struct

from domain.kernel import Recorded
from domain.reports import Kind
from projections.audit import Entry

Cell = str | int | float | datetime | None
Row = tuple[Cell, ...]
MOST: Final = 5000
"""Rows of one section; a report that has more says so, and an export of the trail has them all."""


class Section(Struct, frozen=True, kw_only=True):
    title: str
    note: str
    """What it shows, in a sentence or two."""
    columns: tuple[str, ...]
    rows: Sequence[Row]
    whole: bool = True
    """False where there were more than 5,000: these are the oldest."""


class Report(Struct, frozen=True, kw_only=True):
    """The answer to a report's question. The same log up to `position` has the same answer, but for who was erased."""

    id: UUID
    kind: Kind
    title: str
    basis: str
    """What it is for, in law or in practice."""
    tenant: UUID
    since: datetime
    until: datetime
    asked_by: str
    """`<kind>:<uuid>` of the actor."""
    asked_at: datetime
    origin: str
    """Of the Merkle tree that everything in it is a leaf of."""
    generation: int
    position: int
    """Of the fact that asks for it: nothing in it was recorded later."""
    sections: list[Section]

    @property
    def rows(self) -> int:
        return sum(len(section.rows) for section in self.sections)


class Sources(Protocol):
    """One tenant's log and views as they stood when the report was asked for, for who asks to see it."""

    tenant: UUID
    controller: str
    """Who answers for the organisation's personal data, as it is set; "" where it is not."""
    since: datetime
    until: datetime

    async def entries(self, *, whole: bool = False, **asked: Any) -> tuple[list[Entry], bool]:
        """The trail's entries of the period, oldest first, by the trail's own filters; and whether these are all.

        With `whole`, from the log's beginning on.
        """
        ...

    async def last(self, actor: UUID) -> Entry | None:
        """What an actor did last before the period's end."""
        ...

    async def recorded(self, position: int) -> Recorded: ...

    async def history(self, stream: str) -> list[Recorded]:
        """A stream's facts up to the period's end."""
        ...

    async def decisions(self) -> tuple[list[dict[str, Any]], bool]:
        """The period's predictions as the API shows them to who asks, oldest first."""
        ...


def together(found: Iterable[tuple[list[Entry], bool]]) -> tuple[list[Entry], bool]:
    """Several answers of `Sources.entries` as one, in the order of the log: its oldest, and whether these are all."""
    answers = list(found)
    entries = sorted((each for some, _ in answers for each in some), key=lambda each: each.position)
    return entries[:MOST], len(entries) <= MOST and all(all_of_them for _, all_of_them in answers)


def text(values: Any) -> str:
    """Several values in one cell."""
    return ", ".join(map(str, values))

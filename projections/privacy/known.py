"""Everything that the views have about one subject."""

from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

from msgspec import Struct

from domain.audit import Read
from projections import audit, prospects
from projections.audit import Entry
from projections.kernel import Either, Is, Query, Reads, Row, View, Wanted, Within
from projections.predictions import book
from projections.predictions.book import Predicted
from projections.privacy.consent import Consent, consents
from projections.privacy.kept import Erasure, Held, erasures, holds
from projections.prospects import ProspectRow
from projections.words import named

READ = Read.__struct_config__.tag
MOST = 10_000
"""Rows of each kind that a subject's export holds."""
PAGE = 200


class Known(Struct, frozen=True):
    """What the views have about a subject, oldest first, personal values sealed."""

    prospect: ProspectRow | None
    predictions: list[Predicted]
    erasure: Erasure | None
    holds: list[Held]
    consents: list[Consent]
    accesses: list[Entry]
    """Of the trail: what was done to the subject's resource, or refused, and what names them, as who read of them."""
    acts: list[Entry]
    """Of the trail: what the subject did."""
    whole: bool
    """Whether no kind had more than `MOST`."""


class ExportSubject(Query, frozen=True, kw_only=True):
    """Everything that is known of a subject (GDPR, articles 15 and 20); its events are in the log."""

    permission: ClassVar = "privacy.export"
    subject: UUID

    async def answer(self, reads: Reads) -> Known:
        made: list[Is | Within] = [Is("prospect", self.subject), Within("number", book.NONE + 1)]
        predictions, all_predictions = await every(reads, book.book, made, "at")
        held, all_held = await every(reads, holds, [Is("subject", self.subject)], "proposed_at")
        said, all_said = await every(reads, consents, [Is("subject", self.subject)], "since")
        about = Either("resource", self.subject, named(self.subject))
        accesses, all_accesses = await every(reads, audit.audit, [about], "position")
        acts, all_acts = await every(reads, audit.audit, [Is("actor", self.subject)], "at")
        return Known(
            await reads.one(prospects.prospects, self.subject),
            predictions,
            await reads.one(erasures, self.subject),
            held,
            said,
            [each for each in accesses if not self._read(each)],
            acts,
            all_predictions and all_held and all_said and all_accesses and all_acts,
        )

    def _read(self, entry: Entry) -> bool:
        """Whether the subject themself has read: that names them for what they asked, and is among their acts."""
        return (entry.type, entry.actor) == (READ, self.subject)


async def every(reads: Reads, view: View[Row], where: Sequence[Wanted], sort: str) -> tuple[list[Row], bool]:
    """The rows, up to `MOST`, and whether those are all."""
    rows: list[Row] = []
    cursor = ""
    while len(rows) < MOST:
        page = await reads.page(view, where, sort=sort, limit=min(PAGE, MOST - len(rows)), cursor=cursor)
        rows += page.rows
        cursor = page.cursor
        if not cursor:
            return rows, True
    return rows, False

"""How many prospects stand in each stage of each industry, now, at the end of any day, and day by day."""

from datetime import date
from typing import ClassVar, Literal

from projections.kernel import Aggregate, Count, Day, Query, Reads
from projections.prospects import ProspectRow, prospects


def group(row: ProspectRow) -> tuple[str, str]:
    return row.stage, row.industry


funnel = Aggregate("funnel", 1, prospects, (("stage", str), ("industry", str)), group)

By = tuple[Literal["stage", "industry"], ...]


class Counts(Query, frozen=True, kw_only=True):
    """At the end of a day (UTC), now if none is named."""

    permission: ClassVar = "funnel.read"
    at: date | None = None
    by: By = ("stage",)

    async def answer(self, reads: Reads) -> list[Count]:
        return await reads.counts(funnel, self.by, self.at)


class Daily(Query, frozen=True, kw_only=True):
    """The days on which something changed, both ends included."""

    permission: ClassVar = "funnel.read"
    since: date | None = None
    until: date | None = None
    by: By = ("stage",)

    async def answer(self, reads: Reads) -> list[Day]:
        return await reads.daily(funnel, self.by, self.since, self.until)

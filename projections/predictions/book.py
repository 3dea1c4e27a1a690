"""The book of predictions: what was predicted of each prospect, and what came."""

from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from domain.kernel import Personal, Recorded
from domain.predictions import Made, Reason
from domain.prospects import Lost, Won
from projections.kernel import Aggregate, Home, Is, Page, Query, Reads, View, Where, Within

BINS = 1000
"""Bins of probability in which the scores are counted; see `projections.predictions.scores`."""


NONE = -1
"""The number of a row that holds an outcome and no prediction yet. It is never shown."""


class Predicted(Struct, frozen=True, gc=False):
    id: UUID
    prospect: UUID
    model: str
    number: int
    """0 for a prediction that somebody asked for; the others are counted, and scored."""
    at: datetime
    position: int
    learned: int
    champion: str
    probability: float
    likely: tuple[str, ...]
    candidates: tuple[tuple[str, float], ...]
    digest: str
    reasons: Annotated[Personal[tuple[Reason, ...]], Meta(extra={"subject": "prospect"})] = ()
    outcome: str = ""
    """`won`, `lost`, or nothing while it is open."""

    @property
    def covered(self) -> bool:
        return self.outcome in self.likely


def select(recorded: Recorded) -> Where | None:
    match recorded.fact:
        case Made() as made:
            return Where("prospect", made.prospect)
        case Won() | Lost():
            return Where("prospect", recorded.id)
    return None


def evolve(rows: list[Predicted], recorded: Recorded) -> list[Predicted]:
    match recorded.fact:
        case Made() as made:
            outcome = next((row.outcome for row in rows), "")
            return [*(row for row in rows if row.number != NONE), _entered(recorded, made, outcome)]
        case Won():
            return [replace(row, outcome="won") for row in rows or [_early(recorded)]]
        case Lost():
            return [replace(row, outcome="lost") for row in rows or [_early(recorded)]]
    return rows


def _early(recorded: Recorded) -> Predicted:
    """Keeps an outcome for a prediction that is recorded later, since the worker that makes it was behind."""
    return Predicted(
        id=recorded.id,
        prospect=recorded.id,
        model="",
        number=NONE,
        at=recorded.at,
        position=recorded.position,
        learned=0,
        champion="",
        probability=0.0,
        likely=(),
        candidates=(),
        digest="",
    )


def _entered(recorded: Recorded, made: Made, outcome: str) -> Predicted:
    return Predicted(
        id=recorded.id,
        prospect=made.prospect,
        model=made.model,
        number=made.number,
        at=recorded.at,
        position=made.position,
        learned=made.learned,
        champion=made.champion,
        probability=made.probability,
        likely=made.likely,
        candidates=made.candidates,
        digest=made.digest,
        reasons=made.reasons,
        outcome=outcome,
    )


book = View(
    "predictions",
    1,
    Predicted,
    select,
    evolve,
    facts=Made | Won | Lost,
    filters=("model", "number", "prospect", "champion", "outcome", "probability", "at"),
    sorts=("number", "probability", "at"),
    indexes=(("prospect",), ("model", "number")),
    home=Home.stream("predictions", "id"),
)


def counted(row: Predicted) -> tuple[str, int, str, int, bool]:
    return (row.model, min(int(row.probability * BINS), BINS - 1), row.outcome, len(row.likely), row.covered)


scores = Aggregate(
    "scores",
    1,
    book,
    (("model", str), ("bin", int), ("outcome", str), ("size", int), ("covered", bool)),
    counted,
)
"""How often each probability was said and what came of it: enough for every score, however many predictions."""


class Get(Query, frozen=True, kw_only=True):
    permission: ClassVar = "predictions.read"
    id: UUID

    async def answer(self, reads: Reads) -> Predicted | None:
        found = await reads.one(book, self.id)
        return found if found and found.number != NONE else None


class List(Query, frozen=True, kw_only=True):
    permission: ClassVar = "predictions.read"
    model: str | None = None
    prospect: UUID | None = None
    champion: str | None = None
    outcome: str | None = None
    """`won`, `lost`, or `""` for those still open."""
    probability_least: float | None = None
    probability_below: float | None = None
    made_since: datetime | None = None
    made_before: datetime | None = None
    sort: str = "-at"
    limit: int = 50
    cursor: str = ""
    fields: tuple[str, ...] = ()

    async def answer(self, reads: Reads) -> Page[Predicted]:
        exact = [
            Is(name, value)
            for name in ("model", "prospect", "champion", "outcome")
            if (value := getattr(self, name)) is not None
        ]
        ranges = [
            Within("probability", self.probability_least, self.probability_below),
            Within("at", self.made_since, self.made_before),
        ]
        return await reads.page(
            book,
            [*exact, Within("number", NONE + 1), *(each for each in ranges if each[1:] != (None, None))],
            sort=self.sort,
            limit=self.limit,
            cursor=self.cursor,
            fields=self.fields,
        )

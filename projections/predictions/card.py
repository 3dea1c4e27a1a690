"""A model's card and scores: what it is, how it came to be what it is, and how good it has been."""

import asyncio
from typing import ClassVar

from msgspec import Struct

from domain.kernel import Refused
from projections.kernel import Is, Query, Reads, Within
from projections.predictions.book import Predicted, book
from projections.predictions.book import scores as counts
from projections.predictions.definition import Definition, models
from projections.predictions.milestones import Milestone, milestones
from projections.predictions.scores import Scores, binned, candidates, issued

PAGE = 200
NEEDED = ("number", "probability", "likely", "candidates", "outcome")
MOST = 20_000
"""Predictions that exact scores are taken over at once; older ones are asked for by their numbers."""


class Comparison(Struct, frozen=True):
    """Exact scores over predictions numbered `first … last`, as far as their outcomes are known."""

    model: str
    first: int
    last: int
    issued: Scores | None
    """What was predicted, whoever was champion."""
    candidates: dict[str, Scores]
    """What each candidate and reference would have scored. `last-label` is the leak control, `plain` the reference."""


class Card(Struct, frozen=True):
    definition: Definition
    champion: str
    scores: Scores | None
    """Over all predictions with a known outcome, the first ones included; counted in bins of probability."""
    history: list[Milestone]
    """The last refits and promotions, newest first."""


class Compare(Query, frozen=True, kw_only=True):
    """The scores of the predictions numbered above `after`, up to `upto` if given."""

    permission: ClassVar = "predictions.read"
    model: str
    after: int = 0
    upto: int | None = None

    async def answer(self, reads: Reads) -> Comparison:
        _defined(self.model)
        below = None if self.upto is None else self.upto + 1
        where: list[Is | Within] = [Is("model", self.model), Within("number", self.after + 1, below)]
        page = await reads.page(book, where, sort="number", limit=PAGE, fields=NEEDED)
        rows = page.rows
        while page.cursor and len(rows) < MOST:
            page = await reads.page(book, where, sort="number", limit=PAGE, cursor=page.cursor, fields=NEEDED)
            rows = rows + page.rows
        return await asyncio.to_thread(_compared, self.model, rows)


class Describe(Query, frozen=True, kw_only=True):
    permission: ClassVar = "predictions.read"
    model: str
    history: int = 20

    async def answer(self, reads: Reads) -> Card:
        definition = _defined(self.model)
        mine = [Is("model", self.model)]
        last = await reads.page(milestones, mine, sort="-number", limit=self.history)
        promoted = await reads.page(milestones, [*mine, Is("kind", "promoted")], sort="-number", limit=1)
        champion = promoted.rows[0].candidate if promoted.rows else definition.champion
        groups = await reads.counts(counts, tuple(name for name, _ in counts.columns))
        scores = binned((*each.group[1:], each.count) for each in groups if each.group[0] == self.model)
        return Card(definition, champion, scores, last.rows)


def _defined(model: str) -> Definition:
    if model not in models:
        raise Refused("predictions.model-unknown", model=model)
    return models[model]


def _compared(model: str, rows: list[Predicted]) -> Comparison:
    """In a thread of its own: sorting many rows would keep the event loop from answering others."""
    known = {name: each for name, each in candidates(rows).items() if each}
    first, last = (rows[0].number, rows[-1].number) if rows else (0, 0)
    return Comparison(model, first, last, issued(rows), known)

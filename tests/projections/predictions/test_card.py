"""A model's card and scores, asked of read models that are a list."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest
from msgspec.structs import replace

from domain.kernel import Refused
from domain.predictions import Made, Promoted, Refitted, stream
from projections.kernel import Count, Is, Page, Within
from projections.predictions.book import book, scores
from projections.predictions.card import NEEDED, Compare, Describe
from projections.predictions.milestones import milestones
from tests.grants import outcome, recorded

MODEL = "prospects.conversion"
COUNT = 450


class Listed:
    """Answers as the read models do: pages of at most 200, counts by the columns named."""

    def __init__(self, facts):
        self.rows: dict[str, list] = {book.name: book.fold([], facts), milestones.name: milestones.fold([], facts)}

    async def page(self, view, where=(), *, sort="", limit=50, cursor="", fields=()):
        assert limit <= 200
        assert {each.column for each in where} <= set(view.filters)
        assert sort.lstrip("-") in view.sorts
        assert set(fields) <= set(view.row.__struct_fields__)
        rows = [row for row in self.rows[view.name] if all(_holds(row, each) for each in where)]
        rows.sort(key=lambda row: getattr(row, sort.lstrip("-")), reverse=sort.startswith("-"))
        start = int(cursor or 0)
        return Page(rows[start : start + limit], str(start + limit) if start + limit < len(rows) else "")

    async def counts(self, aggregate, by=(), at=None):
        assert by == tuple(name for name, _ in aggregate.columns)
        groups = Counter(scores.group(row) for row in self.rows[book.name])
        return [Count(group, count) for group, count in groups.items()]


def _holds(row, where):
    value = getattr(row, where.column)
    match where:
        case Is():
            return value == where.value
        case Within():
            return (where.least is None or value >= where.least) and (where.below is None or value < where.below)


def facts():
    made = Made(MODEL, 1, UUID(int=1), 1, 0, "online", (), 0.7, ("won",), (("online", 0.7), ("plain", 0.4)), "d", "b")
    number = 0
    for number in range(1, COUNT + 1):
        each = replace(made, number=number, prospect=UUID(int=number), position=number)
        yield replace(recorded(2 * number, number, each), stream=stream(each))
        yield recorded(2 * number + 1, number - 1, outcome(won=number % 10 != 0))
    for fact in (
        Refitted(MODEL, 1, "boosting", 5, 9, 100, "d", "b"),
        Promoted(MODEL, 2, 12, "online", "trio", ()),
        Refitted(MODEL, 3, "linear", 5, 9, 100, "d", "b"),
    ):
        yield replace(recorded(9000 + fact.number, 0, fact, fact.number), stream=stream(fact))


@pytest.fixture(scope="module")
def reads():
    return Listed(list(facts()))


def test_scores_go_over_all_pages(reads):
    found = asyncio.run(Compare(model=MODEL).answer(reads))
    assert found.issued
    assert (found.first, found.last, found.issued.count, found.issued.accuracy) == (1, COUNT, COUNT, 0.9)
    assert found.issued.coverage == 0.9
    assert found.candidates["online"].accuracy == 0.9
    assert found.candidates["plain"].accuracy == pytest.approx(0.1)


def test_scores_of_a_stretch(reads):
    found = asyncio.run(Compare(model=MODEL, after=225, upto=229).answer(reads))
    assert found.issued
    assert (found.first, found.last, found.issued.count, found.issued.accuracy) == (226, 229, 4, 1.0)
    assert asyncio.run(Compare(model=MODEL, after=COUNT).answer(reads)).issued is None


def test_the_card_tells_champion_history_and_scores(reads):
    card = asyncio.run(Describe(model=MODEL, history=2).answer(reads))
    assert card.scores
    assert card.champion == "trio"
    assert [each.number for each in card.history] == [3, 2]
    assert (card.scores.count, card.scores.accuracy) == (COUNT, 0.9)


def test_a_model_that_is_not_there(reads):
    with pytest.raises(Refused):
        asyncio.run(Describe(model="churn").answer(reads))


def test_scores_need_no_personal_column():
    assert "reasons" not in NEEDED

from uuid import UUID

from msgspec.structs import replace

from domain.kernel import Erased
from domain.predictions import Made, Promoted, Reason, Refitted, Standing, stream
from projections.predictions.book import book, counted
from projections.predictions.milestones import milestones
from tests.grants import outcome, recorded

made = Made(
    "conversion",
    1,
    UUID(int=1),
    2,
    0,
    "online",
    (),
    0.7304,
    ("won",),
    (("online", 0.7304),),
    "d",
    "b",
    (Reason("x", 1, 2),),
)


def entered(position, fact):
    return replace(recorded(position, 0, fact), stream=stream(fact))


def test_a_prediction_stands_beside_what_came():
    (row,) = book.fold([], [entered(3, made)])
    assert (row.prospect, row.outcome, row.covered, row.probability) == (UUID(int=1), "", False, 0.7304)
    (won,) = book.fold([row], [recorded(4, 0, outcome(won=True))])
    assert (won.outcome, won.covered) == ("won", True)
    assert counted(won) == ("conversion", 730, "won", 1, True)


def test_an_outcome_that_came_before_its_prediction_was_recorded_stands_beside_it_all_the_same():
    early = book.fold([], [recorded(3, 0, outcome(won=False))])
    (row,) = book.fold(early, [entered(4, made)])
    assert (row.id, row.outcome, row.number) == (entered(4, made).id, "lost", 1)


def test_an_outcome_reaches_every_prediction_of_its_prospect_and_no_other():
    asked = replace(made, number=0, position=3)
    other = replace(made, prospect=UUID(int=2))
    rows = book.fold([], [entered(3, made), entered(4, asked), entered(5, other), recorded(6, 0, outcome(won=False))])
    assert sorted((row.number, row.prospect.int, row.outcome) for row in rows) == [
        (0, 1, "lost"),
        (1, 1, "lost"),
        (1, 2, ""),
    ]


def test_an_erased_person_leaves_a_prediction_without_reasons():
    (row,) = book.fold([], [entered(3, replace(made, reasons=Erased(), features=Erased()))])
    assert row.reasons == Erased()


def test_milestones_tell_refits_and_promotions():
    refit = Refitted("conversion", 1, "boosting", 5, 9, 100, "d", "b")
    change = Promoted(
        "conversion", 2, 12, "online", "boosting", (Standing("online", 0.6, 100), Standing("boosting", 0.5, 50))
    )
    rows = milestones.fold([], [entered(10, refit), entered(13, change)])
    assert [(row.number, row.kind, row.candidate, row.left, row.labels) for row in rows] == [
        (1, "refitted", "boosting", "", 100),
        (2, "promoted", "boosting", "online", 100),
    ]

from uuid import UUID

import pytest
from msgspec import json
from msgspec.structs import replace

from domain.kernel import Erased, Sealed
from domain.predictions import Facts, Features, Made, Promoted, Reason, Refitted, Standing, predictions, record, stream
from tests.given import given

made = Made("conversion", 1, UUID(int=1), 9, 0, "online", (), 0.7, ("won",), (("online", 0.7),), "d", "b")
first = Refitted("conversion", 1, "boosting", 5, 9, 100, "d", "b")
second = Promoted("conversion", 2, 12, "online", "boosting", ())


def test_a_prediction_is_recorded_once():
    given(predictions).when(record, made).then(made)
    given(predictions, made).when(record, made).then()


def test_milestones_follow_one_another():
    given(predictions).when(record, first).then(first)
    given(predictions, first).when(record, second).then(second)
    given(predictions, first, second).when(record, first).then()
    given(predictions).when(record, second).refused("predictions.milestone-missing")


def test_a_prediction_is_identified_by_model_prospect_and_position():
    others = [replace(made, model="churn"), replace(made, prospect=UUID(int=2)), replace(made, position=10)]
    assert len({stream(each) for each in (made, *others)}) == 4
    assert stream(replace(made, probability=0.2)) == stream(made)
    assert stream(first) == stream(second)


@pytest.mark.parametrize(
    "fact",
    [
        replace(made, reasons=(Reason("x", 1.0, 0.1 + 0.2),), features=Features((("x", 1e-300),), ("a:1",))),
        replace(made, reasons=Erased(), features=Erased()),
        replace(made, reasons=Sealed(UUID(int=1), "x", b"y"), features=Sealed(UUID(int=1), "x", b"y")),
        first,
        replace(second, standings=(Standing("online", 0.6, 100),)),
    ],
)
def test_every_fact_survives_writing_and_reading(fact):
    assert json.decode(json.encode(fact), type=Facts) == fact

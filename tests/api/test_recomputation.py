"""Whether a prediction was made by the model that it claims: made again from the log, over HTTP."""

from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from api.bootstrap import learner
from api.taught import opened
from application.predictions import emit


@pytest.fixture
def tenant(world):
    return world.tenant()


@pytest.fixture
def recorded(world, tenant):
    """What the model makes of a prospect, put on record as it is or altered; the prediction's path."""
    person = {"name": "Ada", "email": f"{uuid4()}@example.org"}
    prospect = UUID(world.ask("POST", "/v1/prospects", tenant.keys["Member"], json=person).json()["id"])
    log = world.logs.of(tenant.id)

    def recorded(**altered):
        model = learner()
        for each in opened(log, log.head()[1]):
            model.step(each)
        emission = emit(replace(model.score(prospect, list), **altered))
        log.submit(emission.stream, 0, [emission.fact], emission.meta).result(30)
        return f"/v1/{emission.stream}/recomputation"

    return recorded


def test_a_prediction_comes_out_again(world, tenant, recorded):
    answer = world.ask("GET", recorded(), tenant.keys["Auditor"]).json()
    assert (answer["verdict"], answer["differing"], answer["model"]) == ("equal", [], "prospects.conversion")
    assert answer["digest"] == answer["again"]


def test_one_that_the_model_did_not_make_is_found(world, tenant, recorded):
    answer = world.ask("GET", recorded(digest="0" * 64), tenant.keys["Auditor"]).json()
    assert (answer["verdict"], answer["differing"]) == ("differs", ["digest"])
    assert answer["again"] != answer["digest"] == "0" * 64


def test_it_takes_the_right_to_read_the_trail(world, tenant, recorded):
    path = recorded()
    assert world.ask("GET", path, tenant.keys["Manager"]).status_code == 403
    unknown = f"/v1/predictions/{uuid4()}/recomputation"
    assert world.ask("GET", unknown, tenant.keys["Auditor"]).json()["code"] == "predictions.unknown"


def test_one_that_is_too_far_into_the_log_is_left_to_the_command_line(world, tenant, recorded, monkeypatch):
    monkeypatch.setattr("api.again.MOST", 1)
    answer = world.ask("GET", recorded(), tenant.keys["Auditor"]).json()
    assert answer["code"] == "predictions.far"

"""Predictions over HTTP: asked for now, in the book, and the models' cards."""

from uuid import uuid4

import pytest

from api.predictions import REASONS
from api.problems import Problem
from application.ports import Unanswered
from domain.access import ROLES
from domain.kernel import Refused
from tests.api.world import made


@pytest.fixture
def ask(world, acme):
    def ask(method, path, role="Admin", **named):
        return world.ask(method, path, acme.keys[role], **named)

    return ask


def test_a_score_is_asked_of_a_worker(world, ask, acme, monkeypatch):
    asked = []

    def answer(tenant, payload):
        asked.append((tenant, payload))
        return made(tenant, payload)

    monkeypatch.setattr(world.scorer, "answer", answer)
    id = uuid4()
    done = ask("POST", "/v1/predictions", "Member", json={"prospect": str(id)})
    assert done.status_code == 200
    assert asked == [(acme.id, {"prospect": id})]
    told = done.json()
    assert (told["probability"], told["likely"]) == (0.5, ["won", "lost"])
    assert told["candidates"] == {"online": 0.5}
    assert told["features"] == {"numbers": {"employees": 250.0}, "codes": ["sponsor:24D"]}
    assert told["reasons"] == [{"feature": "sponsor:24D", "value": 1.0, "contribution": 0.3}]


def test_reasons_and_features_are_withheld_from_who_may_not_see_a_person(world, acme, monkeypatch):
    monkeypatch.setattr(world.scorer, "answer", made)
    key = world.key(acme, "Admin", "scoring", scopes=("predictions.score",))
    told = world.ask("POST", "/v1/predictions", key, json={"prospect": str(uuid4())}).json()
    assert (told["reasons"], told["features"], told["withheld"]) == (None, None, ["features", "reasons"])
    assert told["probability"] == 0.5


def test_why_a_model_decided_has_a_permission_of_its_own_which_auditors_hold(world, acme, monkeypatch):
    monkeypatch.setattr(world.scorer, "answer", made)
    key = world.key(acme, "Admin", "reasons", scopes=("predictions.score", "predictions.read-reasons"))
    told = world.ask("POST", "/v1/predictions", key, json={"prospect": str(uuid4())}).json()
    assert (len(told["reasons"]), told["withheld"]) == (1, [])
    assert {role for role, held in ROLES.items() if REASONS in held} == {"Admin", "Manager", "Member", "Auditor"}
    assert world.ask("GET", "/v1/predictions", acme.keys["Auditor"]).status_code == 200
    assert world.ask("GET", f"/v1/prospects/{uuid4()}", acme.keys["Auditor"]).status_code == 403


def test_where_nobody_answers_the_caller_is_told_when_to_try_again(ask):
    done = ask("POST", "/v1/predictions", json={"prospect": str(uuid4())})
    assert (done.status_code, done.json()["code"]) == (503, "predictions.unanswered")
    assert done.headers["Retry-After"] == "2"


@pytest.mark.parametrize(
    ("problem", "status"),
    [(Refused("prospects.unknown"), 404), (Refused("predictions.prospect-not-open"), 409), (Unanswered(5), 503)],
    ids=str,
)
def test_what_the_worker_says_is_passed_on(world, ask, monkeypatch, problem, status):
    def answer(tenant, payload):
        raise problem

    monkeypatch.setattr(world.scorer, "answer", answer)
    assert ask("POST", "/v1/predictions", json={"prospect": str(uuid4())}).status_code == status
    assert issubclass(Problem, Exception)


def test_a_score_that_is_not_allowed_is_not_asked_for(world, ask, monkeypatch):
    def answer(tenant, payload):
        raise AssertionError("nobody may ask")

    monkeypatch.setattr(world.scorer, "answer", answer)
    assert ask("POST", "/v1/predictions", "Viewer", json={"prospect": str(uuid4())}).status_code == 403


def test_a_model_has_a_card_and_scores(ask):
    card = ask("GET", "/v1/models/prospects.conversion", "Viewer").json()
    assert card["definition"]["name"] == "prospects.conversion"
    assert card["scores"] is None
    scores = ask("GET", "/v1/models/prospects.conversion/scores?after=10", "Viewer").json()
    assert scores["candidates"] == {}
    assert ask("GET", "/v1/models/nothing").json()["code"] == "predictions.model-unknown"

"""Scores over NATS: an answer, a refusal as a value, or word that nobody answers."""

import asyncio
import threading
from uuid import UUID, uuid4

import pytest
from msgspec import Struct, json

from adapters.nats.score import Scorer, serve_scores
from application.ports import Unanswered
from domain.kernel import Refused
from tests.waiting import until


class Asked(Struct, forbid_unknown_fields=True):
    n: int


class Answer(Struct):
    tenant: UUID
    double: int


def double(tenant, payload):
    asked = json.decode(payload, type=Asked)
    if asked.n < 0:
        raise Refused("predictions.negative", n=asked.n)
    if asked.n == 0:
        raise Unanswered(5)
    if asked.n == 13:
        raise RuntimeError("a fault of the program")
    return Answer(tenant, 2 * asked.n)


@pytest.fixture
def asking(servers, linked):
    """asking(payload): put to a worker, from a loop of its own."""
    linked(servers.addresses.nats, lambda link: serve_scores(link, double))
    link, scorer = linked(servers.addresses.nats, Scorer)
    assert link.wait(10)

    def answered():
        try:
            return asyncio.run(scorer.score(uuid4(), {"n": 1}, Answer))
        except Unanswered:
            return None

    assert until(answered)
    return lambda tenant, payload: asyncio.run(scorer.score(tenant, payload, Answer))


def test_a_worker_answers(asking, tenant):
    assert asking(tenant, {"n": 21}) == Answer(tenant, 42)


def test_a_refusal_comes_back_as_itself(asking, tenant):
    with pytest.raises(Refused) as refused:
        asking(tenant, {"n": -1})
    assert (refused.value.code, refused.value.details) == ("predictions.negative", {"n": -1})


@pytest.mark.parametrize("payload", [{}, {"n": "x"}, {"n": 1, "m": 2}, None])
def test_a_malformed_question_is_refused(asking, tenant, payload):
    with pytest.raises(Refused, match=r"scores\.malformed"):
        asking(tenant, payload)


def test_a_worker_that_cannot_yet_says_when(asking, tenant):
    with pytest.raises(Unanswered) as unanswered:
        asking(tenant, {"n": 0})
    assert unanswered.value.seconds == 5


def test_a_fault_is_answered_and_the_worker_goes_on(asking, tenant):
    with pytest.raises(Unanswered):
        asking(tenant, {"n": 13})
    assert asking(tenant, {"n": 2}).double == 4


def test_nobody_there_is_said_at_once(broker, linked, tenant):
    link, scorer = linked(broker.url, Scorer)
    assert link.wait(10)
    with pytest.raises(Unanswered):
        asyncio.run(scorer.score(tenant, {"n": 1}, Answer))


def test_no_nats_is_said_at_once(linked, tenant):
    _, scorer = linked("nats://127.0.0.1:9", Scorer)
    with pytest.raises(Unanswered):
        asyncio.run(scorer.score(tenant, {"n": 1}, Answer))


def test_a_worker_that_hangs_is_not_waited_for(broker, linked, tenant):
    let_go, asked = threading.Event(), threading.Event()

    def slow(tenant, payload):
        asked.set()
        let_go.wait(30)

    worker, _ = linked(broker.url, lambda link: serve_scores(link, slow))
    link, scorer = linked(broker.url, lambda link: Scorer(link, wait=0.5))
    assert worker.wait(10)
    assert link.wait(10)
    with pytest.raises(Unanswered):
        asyncio.run(scorer.score(tenant, {"n": 1}, Answer))
    let_go.set()

"""Queries through the pipeline: authorise, wait for the position, answer."""

import asyncio
from uuid import UUID

import pytest

from application.pipeline import Asked, Rejected
from application.prospects import Capture
from tests.application.piped import TENANT, Ask, AskWrongly, Permits, Seen, caller, piped
from tests.memory import MemoryLogs

ada = Capture(name="Ada", email="ada@example.org")


@pytest.fixture
def logs():
    return MemoryLogs()


@pytest.fixture
def log(logs):
    return logs.of(TENANT)


@pytest.fixture
def pipeline(logs):
    return piped(logs)


def run(pipeline, command):
    return asyncio.run(pipeline.run(caller, Asked(command, UUID(int=3))))


def test_a_query_is_answered(pipeline):
    assert asyncio.run(pipeline.ask(caller, Ask())) == "answer"


def test_a_query_waits_for_the_position_it_asks_for(logs):
    reads = Seen()
    asyncio.run(piped(logs, reads=reads).ask(caller, Ask(), (1, 7)))
    assert reads.waited == [(1, 7)]


def test_views_that_do_not_catch_up_are_said_to_be_behind(logs, pipeline):
    run(pipeline, ada)
    behind = piped(logs, reads=Seen(lambda seconds: False))
    with pytest.raises(Rejected, match=r"views\.behind"):
        asyncio.run(behind.ask(caller, Ask(), (1, 1)))


def test_views_that_catch_up_meanwhile_are_waited_for(logs, pipeline):
    run(pipeline, ada)
    assert asyncio.run(piped(logs, reads=Seen(lambda seconds: seconds > 0)).ask(caller, Ask(), (None, 1))) == "answer"


@pytest.mark.parametrize("at_least", [(1, 2), (None, 2), (2, 1)])
def test_what_cannot_come_is_not_waited_for(logs, pipeline, at_least):
    run(pipeline, ada)
    with pytest.raises(Rejected, match=r"query\.position"):
        asyncio.run(piped(logs, reads=Seen(lambda seconds: False)).ask(caller, Ask(), at_least))


def test_a_query_that_is_not_allowed_is_audited_before_anything_is_read(logs, log):
    reads = Seen()
    with pytest.raises(Rejected, match=r"access\.denied"):
        asyncio.run(piped(logs, Permits("prospects.read"), reads).ask(caller, Ask(), (1, 7)))
    assert reads.waited == []
    assert log.facts[0].fact.code == "access.denied"


def test_a_query_that_cannot_be_asked_is_not_audited(pipeline, log):
    with pytest.raises(Rejected, match=r"query\.unknown-field"):
        asyncio.run(pipeline.ask(caller, AskWrongly()))
    assert log.facts == []

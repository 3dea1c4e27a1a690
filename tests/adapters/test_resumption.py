"""A new generation on the real database: a fact of each log, never a number twice, and what is at hand finds back."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from msgspec.structs import replace

from adapters.ledger import Began, Ledger
from adapters.log.resume import resume
from adapters.log.states import EVERY
from adapters.resumption import begin_again
from api.learning import Model, Models, Superseded
from domain.kernel import Actor, Meta, Recorded
from domain.prospects import Captured, Noted, prospects
from domain.tenancy import Resumed


@pytest.fixture
def superuser(migrated):
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as connection:
        yield connection


def append(log, stream, expected, *facts):
    return log.submit(stream, expected, list(facts), Meta(uuid4(), Actor("user", uuid4()), "test")).result(60)


def captured():
    return Captured("Ada", f"{uuid4()}@example.org", "engines")


def test_the_log_goes_on_with_a_fact_of_it(log, superuser):
    stream = f"prospects/{uuid4()}"
    append(log, stream, 0, captured())
    assert resume(superuser, [log.tenant], 4, "promotion") == 1
    assert resume(superuser, [log.tenant], 4, "promotion") == 0
    done = append(log, stream, 1, Noted("met"))
    first, begun, last = log.read(0)
    assert begun.fact == Resumed(generation=4, previous=1, after=1, cause="promotion")
    assert [each.generation for each in (first, begun, last)] == [1, 4, 4]
    assert (done.generation, log.head()) == (4, (4, 3))
    assert first.at <= begun.at <= last.at


@pytest.mark.parametrize("closed", ["left", "arriving"])
def test_a_log_that_goes_on_elsewhere_stays_as_it_is_and_the_others_begin_again(log, logs, database, superuser, closed):
    append(log, f"prospects/{uuid4()}", 0, captured())
    other = logs.of(uuid4())
    logs.provision(other.tenant)
    database.query(log.tenant, "update everlog.heads set closed = %s where tenant_id = %s", [closed, log.tenant])
    assert resume(superuser, [log.tenant, other.tenant], 4, "restore") == 1
    assert (log.head(), other.head()) == ((1, 1), (4, 1))


def test_a_number_is_never_used_for_two_generations(log, superuser, tmp_path):
    """The restored log knows nothing of the generation that was begun and lost."""
    ledger = Ledger(tmp_path)
    ledger.add([Began(5, "restore", datetime.now(UTC))])
    heads = [(log.tenant, 1)]
    assert begin_again(superuser, heads, ledger, [], "restore").generation == 6
    assert begin_again(superuser, heads, ledger, [], "restore").generation == 7
    assert [each.fact.previous for each in log.read(0)] == [1, 6]


def test_a_snapshot_of_a_lost_tail_is_never_written(log, database):
    stream = f"prospects/{uuid4()}"
    append(log, stream, 0, captured())
    for number in range(1, EVERY):
        append(log, stream, number, Noted("met"))
    states = log._states

    async def folded():
        await database.start()
        try:
            return await states.load(stream, prospects)
        finally:
            await database.stop()

    whole = asyncio.run(folded())
    database.query(log.tenant, "select 1")
    count = "select count(*) from everlog.snapshots where tenant_id = %s and version = %s"
    # The same place, held by an event of another generation; and a place beyond the log.
    for ghost in (replace(whole, of=2), replace(whole, position=whole.position + 7, version=whole.version + 7)):
        states._save(stream, prospects, ghost)
        assert database.query(log.tenant, count, [log.tenant, whole.version + 7]) == [(0,)]
    states._save(stream, prospects, whole)
    assert database.query(log.tenant, count, [log.tenant, whole.version]) == [(1,)]


class Listener:
    """A learner that only remembers what it was told."""

    def __init__(self):
        self.heard = []

    def step(self, recorded):
        self.heard.append(recorded.position)
        return []


class Shrinking:
    """A log whose tail is lost between two looks."""

    tenant = uuid4()

    def __init__(self, facts):
        self.facts = facts

    def head(self):
        return 1, len(self.facts)

    def read(self, after, limit=1000, upto=None):
        return self.facts[after : after + limit]

    def open(self, values):
        return values


def recorded(position, generation=1):
    meta = Meta(uuid4(), Actor("user", uuid4()), "test")
    stream = f"tenancy/{uuid4()}"
    fact = Resumed(generation=generation, previous=1, after=0, cause="restore")
    return Recorded(position, stream, 1, datetime.now(UTC), meta, fact, "tenancy.resumed", generation)


@pytest.mark.parametrize("left", [4, 8])
def test_a_model_that_learned_from_a_lost_tail_begins_anew(left):
    """Whether the log is shorter than what was learned by now, or has grown past it again."""
    log = Shrinking([recorded(n) for n in range(1, 7)])
    learners = []

    def opened(_):
        learners.append(Listener())
        return Model(log, learners[-1])  # type: ignore[arg-type] # they do what is asked of them here

    models = Models(opened)
    assert models.advance(log.tenant) == 6
    log.facts = [*log.facts, recorded(7)]
    assert models.advance(log.tenant) == 1
    log.facts = log.facts[:3] + [recorded(n, 2) for n in range(4, left + 1)]
    models.advance(log.tenant)
    assert [each.heard for each in learners] == [list(range(1, 8)), list(range(1, left + 1))]
    model: Any = Model(log, Listener())  # type: ignore[arg-type] # they do what is asked of them here
    model.advance()
    log.facts = log.facts[:1]
    with pytest.raises(Superseded):
        model.advance()

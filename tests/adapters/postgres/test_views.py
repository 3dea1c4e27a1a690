"""From a command's facts to a query's answer: the real log, sealed and tokened."""

import asyncio
from uuid import uuid4

import pytest

from adapters.postgres.database import Database
from adapters.postgres.reads import ReadModels
from adapters.postgres.views import Views
from domain.kernel import Actor, Circumstances, Meta, Sealed
from domain.prospects import Captured, Lost, SignalObserved, StageMoved
from projections.audit import Trail, activity, audit
from projections.funnel import Counts, funnel
from projections.kernel import Count
from projections.prospects import List, prospects
from projections.runner import Runner

MODELS = (prospects, funnel, audit, activity)
ACTOR = Actor("user", uuid4())
TRAIL = (f"view_audit_{audit.version}", f"view_audit_words_{audit.version}")


def append(log, id, version, *facts, ip="10.1.2.3"):
    meta = Meta(uuid4(), ACTOR, "prospects.capture", circumstances=Circumstances(ip=ip, session="s1"))
    return log.submit(f"prospects/{id}", version, facts, meta).result(30)


@pytest.fixture
def filled(log, keeper):
    ada, bob = uuid4(), uuid4()
    append(log, ada, 0, Captured("Ada", "Ada@Example.org", "engines", (("size", 2.5),)))
    append(log, bob, 0, Captured("Bob", "bob@example.org", "looms"), ip="10.9.9.9")
    append(log, ada, 1, SignalObserved("visit", 0.5, ("a",)), StageMoved("new", "met"))
    append(log, bob, 1, Lost("new", "too dear"))
    Runner(log, Views(log.tenant, keeper, log), MODELS).catch_up()
    return ada, bob


def ask(migrated, log, *queries):
    async def answers():
        database = Database(migrated.addresses.app, size=2)
        await database.start()
        try:
            reads = ReadModels(database, MODELS, b"secret", lambda tenant: log).of(log.tenant)
            return [await query.answer(reads) for query in queries]
        finally:
            await database.stop()

    return asyncio.run(answers())


def test_a_fact_is_found_by_every_way_that_is_open(migrated, log, filled):
    ada, bob = filled
    by_mail, by_ip, by_session, counts = ask(
        migrated,
        log,
        List(email="ada@example.ORG"),
        Trail(ip="10.9.9.9"),
        Trail(session="s1"),
        Counts(by=("stage", "industry")),
    )
    [row] = by_mail.rows
    assert isinstance(row.name, Sealed)
    opened = log.open(row)
    assert (opened.id, opened.name, opened.email, opened.attributes) == (
        ada,
        "Ada",
        "Ada@Example.org",
        (("size", 2.5),),
    )
    assert (row.stage, row.signals, row.version) == ("met", 1, 3)
    assert [entry.resource for entry in by_ip.rows] == [bob]
    assert log.open(by_ip.rows[0]).circumstances == Circumstances(ip="10.9.9.9", session="s1")
    assert len(by_session.rows) == 5
    assert counts == [Count(("lost", "looms"), 1), Count(("met", "engines"), 1)]


def test_words_are_found_again_in_a_copy_that_was_built_anew(migrated, log, keeper, owner, filled):
    asked = Trail(q="looms captured"), Trail(about="bob"), Trail(q="looms", about="ada")
    before = ask(migrated, log, *asked)
    assert [len(each.rows) for each in before] == [1, 1, 0]
    runner = Runner(log, Views(log.tenant, keeper, log), MODELS)
    owner.execute(f"delete from everlog.{TRAIL[1]} where tenant_id = %s", [log.tenant])
    assert [len(each.rows) for each in ask(migrated, log, *asked)] == [0, 0, 0], "the control: they were there"
    runner.rebuild("audit")
    runner.catch_up()
    assert ask(migrated, log, *asked) == before
    runner.rebuild("audit")
    runner.catch_up()
    assert ask(migrated, log, *asked) == before, "the slot was cleared, and filled again"


def test_no_row_of_a_view_holds_what_identifies_a_person(log, filled, owner):
    for table in ("view_prospects_2", *TRAIL, "parked", "checkpoints"):
        rows = owner.execute(f"select t::text from everlog.{table} t where tenant_id = %s", [log.tenant]).fetchall()
        text = " ".join(row for (row,) in rows).lower()
        for word in ("ada", "example.org", "10.9.9.9", "dear"):
            assert word.encode().hex() not in text
            if word != "ada":
                assert word not in text


def test_the_control_finds_what_is_not_sealed(log, filled, owner):
    rows = owner.execute("select t::text from everlog.view_prospects_2 t where tenant_id = %s", [log.tenant]).fetchall()
    assert "engines" in str(rows)
    assert b"subject".hex() in str(rows)


def test_whoever_looks_at_the_whole_may_take_their_time_between_two_questions(log, keeper, filled):
    """A fold of a long log asks nothing of this session for minutes."""
    asked = "show idle_in_transaction_session_timeout"
    with Views(log.tenant, keeper, log).glimpse() as (_, work):
        assert work._connection.execute(asked).fetchall() == [("0",)]
    with keeper.snapshot(log.tenant) as connection:
        assert connection.execute(asked).fetchall() == [("10s",)], "the control: others are held to it"

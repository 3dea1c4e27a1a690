"""The fault that `make faults` does with every wire and in every way: the database's is cut for a moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from adapters.postgres.atom import Busy, Unsettled
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database
from adapters.postgres.link import Link
from adapters.postgres.queue import Limits
from adapters.postgres.silence import Silent
from tests.adapters.postgres.atoms import atom, flaws, log, stream
from tests.faults.callers import Answer
from tests.faults.network import HARMS, Harm, Scale, endure, touched, wrong
from tests.faults.proxy import Proxy, port_of, through
from tests.faults.trial import Trial


@pytest.mark.long
def test_callers_without_a_database_are_told_and_nothing_is_lost(tmp_path, seed):
    found = endure(Trial(tmp_path, 1, seed), HARMS[:1], Scale(harm=1.5, limit=60, control=0.5))
    assert found.violations == []
    assert found.acknowledged > 0
    assert found.control_red


def told(began, ended, status=503, code="service.unavailable"):
    problem = {"code": code, "media": "application/problem+json", "retry": "1"} if status >= 400 else {}
    return Answer(began, ended - began, writes=True, status=status, **problem)


def test_what_was_under_way_when_the_wire_broke_is_judged_as_well():
    harm, lasted = Harm(("database",), "hole"), (10, 18)
    before, after = told(1, 9.9, 500), told(18.1, 30, 500)
    good = [told(9, 10.1, 201), told(9, 14.9), told(11, 15.9), told(17, 18.5, 201)]
    assert touched([before, *good, after], lasted) == good
    assert wrong(good, harm, lasted, 5) == []
    assert wrong([*good, told(9, 15.5)], harm, lasted, 5) == ["answered after 5.5 s: service.unavailable"]
    assert wrong([*good, told(9, 11, 500, "internal")], harm, lasted, 5) == ["answered with 500 internal"]
    assert wrong([*good, told(11, 12, 201)], harm, lasted, 5) == ["answered with 201 "]
    assert wrong(good[:1], harm, lasted, 5) == ["the harm did no harm"]


@pytest.fixture
def wire(migrated):
    with Proxy(port_of(migrated.addresses.app)) as wire:
        yield wire


def test_a_hole_is_noticed_and_what_lay_in_the_pool_is_not_used_again(migrated, wire, tenant):
    with (
        Database(through(migrated.addresses.app, wire.port), size=3, patience=1) as database,
        ThreadPoolExecutor(3) as threads,
    ):
        list(threads.map(lambda _: database.query(tenant, "select pg_sleep(0.2)"), range(3)))
        wire.turn("hole")
        with pytest.raises(Silent):
            database.query(tenant, "select 1")
        wire.turn("open", lost=True)
        assert database.query(tenant, "select 1") == [(1,)]


@pytest.mark.long
def test_an_append_that_falls_into_a_hole_is_in_doubt_and_one_behind_it_was_not_written(
    migrated, wire, database, tenant, monkeypatch
):
    monkeypatch.setattr("adapters.postgres.link._ANSWER", 0.5)
    sent, send = Event(), Link.send

    def told(self, *arguments):
        send(self, *arguments)
        sent.set()

    monkeypatch.setattr(Link, "send", told)
    url = through(migrated.addresses.app, wire.port)
    with Committer(url, limits=Limits(patience=1)) as committer:
        first = committer.submit(tenant, atom(stream(), 1)).result(60)
        wire.turn("hole")
        sent.clear()
        under_way = committer.submit(tenant, atom(stream(), 1))
        assert sent.wait(60), "what comes now is of another drain"
        behind = committer.submit(tenant, atom(stream(), 1))
        with pytest.raises(Unsettled):
            under_way.result(60)
        with pytest.raises(Busy):
            behind.result(60)
        wire.turn("open", lost=True)
        last = atom(stream(), 1)
        done = committer.submit(tenant, last).result(60)
    assert done.last == first.last + 1
    assert len(log(database, tenant)) == 2


def test_an_append_whose_answer_falls_into_a_hole_is_found(migrated, wire, database, tenant, monkeypatch):
    """The server writes it, the answer vanishes: it is asked for on another connection, and stands once."""
    monkeypatch.setattr("adapters.postgres.link._ANSWER", 0.5)
    connected: list[None] = []
    connect = Link._connect

    def fresh(self):
        # From the second connection on the wire is whole; the first stays in its hole.
        connected.append(None)
        if len(connected) > 1:
            wire.turn("open", lost=True)
        return connect(self)

    monkeypatch.setattr(Link, "_connect", fresh)
    with Committer(through(migrated.addresses.app, wire.port)) as committer:
        atoms = [atom(stream(), 1), atom(stream(), 1)]
        first = committer.submit(tenant, atoms[0]).result(60)
        wire.turn("deaf")
        second = committer.submit(tenant, atoms[1]).result(60)
    assert (second.last, second.repeated) == (2, False)
    assert flaws(log(database, tenant), [(atoms[0], first), (atoms[1], second)], []) == []
    assert len(log(database, tenant)) == 2

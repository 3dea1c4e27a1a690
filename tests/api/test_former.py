"""An erasure beside read models of another release: they hold none up, and nothing of who is erased stays in them."""

from uuid import UUID

import psycopg
import pytest
from msgspec.structs import replace

from adapters import privacy
from adapters.postgres import walls
from adapters.postgres.roles import Roles
from adapters.postgres.tables import create
from adapters.postgres.views import Views
from application.privacy import erasing as erasing_of
from projections.audit import audit
from projections.builds import Stale
from projections.prospects import prospects
from projections.runner import Runner
from tests.api.erasures import approved, erasing, finished
from tests.api.test_privacy import capture
from tests.waiting import until

FORMER = [replace(each, version=0) for each in (prospects, audit)]
LEFT = {
    "tokens": "select count(email_token) from everlog.view_prospects_0 where tenant_id = %s and id = %s",
    "words": "select count(*) from everlog.view_audit_words_0 where tenant_id = %s and subject = %s",
}


@pytest.fixture(scope="module")
def tables(world, migrated):
    with psycopg.connect(migrated.addresses.owner) as connection:
        create(connection, FORMER)
        walls.enclose(connection, Roles("everlog_app", "everlog_worker"))


@pytest.fixture
def house(world, tables):
    return world.tenant()


@pytest.fixture
def former(world, house, monkeypatch):
    """What keeps the read models of the former release; nobody runs it but the test, however slow the machine is."""
    monkeypatch.setattr(privacy, "_OTHERS", 3600)
    log = world.logs.of(house.id)
    return Runner(log, Views(house.id, world.keeper, log), FORMER)


def left(world, house, id):
    return {what: world.keeper.query(house.id, sql, [house.id, UUID(id)])[0][0] for what, sql in LEFT.items()}


def places(world, house):
    log = world.logs.of(house.id)
    return [each for each in Views(house.id, world.keeper, log).checkpoints() if each.version == 0]


def waits(work, id):
    """Go on until nothing but the former release's read models keeps somebody from being certified."""
    until(lambda: [work.advance()] and UUID(id) in work._gone)
    until(lambda: work._behind(UUID(id)) == ["audit-0", "prospects-0"])
    return work.advance() == 0


def warned(caplog):
    """What is told of erasures; others may have something to say as well."""
    return [each.getMessage() for each in caplog.records if each.name == erasing_of.__name__]


def test_what_a_former_release_left_is_cleared_and_holds_nothing_up(world, house, former, tmp_path, monkeypatch):
    key = house.keys["Admin"]
    (id, _), (other, _) = capture(world, key), capture(world, key)
    former.catch_up()
    here = {"tokens": 1, "words": 5}
    assert (left(world, house, id), left(world, house, other)) == (here, here), "the control: it is there"
    approved(world, house, id)
    work = erasing(world, house.id, tmp_path)
    assert waits(work, id), "a process of that release may have the key at hand as yet"
    assert left(world, house, id) == here, "the control"
    monkeypatch.setattr(privacy, "_OTHERS", 0)
    assert until(lambda: finished(world, house.id, work, id))
    assert left(world, house, id) == {"tokens": 0, "words": 0}
    assert left(world, house, other) == here
    certified = [*world.logs.of(house.id).stream(f"privacy/{id}")][-1].fact
    assert certified.tokens == (("prospects", 2), ("words", 7 + 5))
    former.catch_up()
    assert left(world, house, id) == {"tokens": 0, "words": 0}, "the former release may go on"


def test_a_release_that_goes_on_beside_this_one_is_waited_for(world, house, former, tmp_path):
    id, _ = capture(world, house.keys["Admin"])
    former.catch_up()
    approved(world, house, id)
    work = erasing(world, house.id, tmp_path)
    assert waits(work, id), "the control"
    assert until(lambda: [former.catch_up()] and finished(world, house.id, work, id))
    assert left(world, house, id) == {"tokens": 0, "words": 0}


def test_an_erasure_that_waits_is_told_of_once_with_what_for(world, house, former, tmp_path, monkeypatch, caplog):
    id, _ = capture(world, house.keys["Admin"])
    former.catch_up()
    approved(world, house, id)
    work = erasing(world, house.id, tmp_path)
    assert waits(work, id)
    assert warned(caplog) == [], "the control: it is not long"
    approval = world.logs.of(house.id).stream(f"privacy/{id}")
    assert work.since == next(each.at for each in approval if each.type == "privacy.erasure-approved")
    monkeypatch.setattr(erasing_of, "LONG", 0)
    work._tell.clear()
    work.advance()
    work.advance()
    [told] = warned(caplog)
    assert told.endswith("behind are audit-0, prospects-0.")
    assert (str(house.id) in told, id in told) == (True, False)
    assert until(lambda: [former.catch_up()] and finished(world, house.id, work, id))
    assert until(lambda: [work.advance()] and work.since is None)


def test_what_a_former_release_has_begun_before_comes_to_nothing(world, house, former, tmp_path, monkeypatch):
    monkeypatch.setattr(privacy, "_OTHERS", 0)
    id, _ = capture(world, house.keys["Admin"])
    former.catch_up()
    begun, store = places(world, house), Views(house.id, world.keeper, world.logs.of(house.id))
    with store.work() as work:
        work.lock(begun)
    approved(world, house, id)
    erasure = erasing(world, house.id, tmp_path)
    assert until(lambda: finished(world, house.id, erasure, id))
    with pytest.raises(Stale), store.work() as work:
        work.lock(begun)
    former.catch_up()
    assert {each.generation for each in places(world, house)} == {1}
    assert former.check() == []


def test_a_worker_tells_of_its_own_release_s_read_models_alone(world, house, former):
    capture(world, house.keys["Admin"])
    former.catch_up()
    log = world.logs.of(house.id)
    mine = Runner(log, Views(house.id, world.keeper, log), [prospects])
    mine.catch_up()
    assert {(each.view, each.version) for each in mine.lag()} == {(prospects.name, prospects.version)}
    assert {each.version for each in former.lag()} == {0}

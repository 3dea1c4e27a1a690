"""Copies built beside the live one: a new version, a repair, a log that lost its tail."""

import logging

import pytest
from msgspec.structs import replace

from adapters.postgres.tables import Reshaped, create, table
from projections import repair
from projections.audit import audit
from projections.builds import Build, Spoilt, Unread
from projections.funnel import funnel
from projections.prospects import ProspectRow, prospects
from projections.runner import Runner
from tests.story import Told, story

MODELS = (prospects, funnel, audit)
second = replace(prospects, name="renewed", version=2)
first = replace(
    prospects, name="renewed", version=1, evolve=lambda rows, recorded: prospects.evolve(rows, recorded)[:1]
)


def rows(store, view, slot="a"):
    with store.work() as work:
        return list(work.scan(Build(view, slot=slot)))


def test_a_view_is_read_from_when_it_has_caught_up(store, tenant):
    log = Told(tenant, story(100))
    runner = Runner(log, store, MODELS, 30)
    for _ in range(3):
        runner.step()
        assert store.live() == {}
    runner.step()
    assert store.live() == {("audit", audit.version): "a", ("prospects", prospects.version): "a"}


def test_a_new_version_is_built_beside_the_old_which_goes_on(store, tenant, make):
    make(first, second)
    events = story(300)
    log = Told(tenant, events, told=200)
    Runner(log, store, (first,)).catch_up()
    log.told = 250
    both = Runner(log, store, (first, second), 100)
    both.step()
    places = {each.version: each.position for each in store.checkpoints()}
    assert places == {1: 250, 2: 100}
    assert store.live() == {("renewed", 1): "a"}
    both.catch_up()
    assert store.live() == {("renewed", 1): "a", ("renewed", 2): "a"}
    log.told = 300
    both.catch_up()
    assert rows(store, first) == rows(store, second)


def tamper(
    owner, tenant, sql="update everlog.view_prospects_2 set industry = 'wrong' where tenant_id = %s and id = %s"
):
    [(id,)] = owner.execute(
        "select id from everlog.view_prospects_2 where tenant_id = %s and stage <> 'won' limit 1", [tenant]
    ).fetchall()
    owner.execute(sql, [tenant, id])
    return id


@pytest.mark.parametrize(
    "sql",
    [
        "update everlog.view_prospects_2 set industry = 'wrong' where tenant_id = %s and id = %s",
        "delete from everlog.view_prospects_2 where tenant_id = %s and id = %s",
    ],
)
def test_a_repair_finds_the_wrong_row_and_swaps_it_away(store, tenant, owner, caplog, sql):
    events = story(200, 3)
    log = Told(tenant, events)
    runner = Runner(log, store, MODELS, 50)
    runner.catch_up()
    id = tamper(owner, tenant, sql)
    assert rows(store, prospects) != sorted(prospects.fold([], events), key=lambda row: row.id)
    with caplog.at_level(logging.ERROR):
        runner.rebuild("prospects")
        runner.catch_up()
    assert [each.key for each in runner.found("prospects")] == [id]
    assert str(id) in caplog.text
    assert store.live()["prospects", prospects.version] == "b"
    assert rows(store, prospects, "b") == sorted(prospects.fold([], events), key=lambda row: row.id)
    assert {(each.view, each.slot) for each in store.checkpoints()} == {("audit", "a"), ("prospects", "b")}


def test_a_repair_finds_the_wrong_sum_and_swaps_it_away(store, tenant, owner, caplog):
    runner = Runner(Told(tenant, story(200, 3)), store, MODELS, 50)
    runner.catch_up()
    wrong = "update everlog.view_funnel_2_1 set change = change + 7 where tenant_id = %s returning day, change"
    changed = owner.execute(wrong, [tenant]).fetchall()
    with caplog.at_level(logging.ERROR):
        runner.rebuild("prospects")
        runner.catch_up()
    found = runner.found("prospects")
    assert sorted((each.key[1], each.live) for each in found if isinstance(each.key, tuple)) == sorted(changed)
    assert {each.live - each.rebuilt for each in found} == {7}
    assert "rows of prospects" in caplog.text


def test_a_repair_of_what_is_right_finds_nothing_and_goes_back_and_forth(store, tenant):
    log = Told(tenant, story(120))
    runner = Runner(log, store, MODELS, 50)
    runner.catch_up()
    for slot in ("b", "a"):
        runner.rebuild("prospects")
        runner.catch_up()
        assert store.live()["prospects", prospects.version] == slot
        assert runner.found("prospects") == []


def test_a_view_is_renewed_in_one_go_also_after_an_attempt_that_was_cut_short(store, tenant, owner):
    runner = Runner(Told(tenant, story(200, 3)), store, MODELS, 50)
    with pytest.raises(Unread):
        runner.renew(["prospects"])
    runner.catch_up()
    assert runner.renew(["prospects", "audit"]) == {"prospects": [], "audit": []}
    sql = "delete from everlog.view_prospects_2_b where tenant_id = %s and id = %s"
    [(id,)] = owner.execute("select id from everlog.view_prospects_2_b where tenant_id = %s limit 1", [tenant])
    owner.execute(sql, [tenant, id])
    Runner(Told(tenant, story(200, 3)), store, MODELS, 50).rebuild("prospects")
    assert [each.key for each in runner.renew(["prospects"])["prospects"] or ()] == [id]
    assert store.live()["prospects", prospects.version] == "a"
    with pytest.raises(Unread):
        runner.renew(["audit", "prospect"])


def test_a_copy_that_somebody_writes_to_is_not_taken(store, tenant, owner, monkeypatch):
    runner = Runner(Told(tenant, story(200, 3)), store, MODELS, 50)
    runner.catch_up()
    monkeypatch.setattr(repair, "_digest", lambda *_: b"another")
    with pytest.raises(Spoilt):
        runner.renew(["prospects"])
    assert store.live()["prospects", prospects.version] == "a"


def test_a_log_that_grows_meanwhile_reaches_both_copies(store, tenant):
    events = story(300, 12)
    log = Told(tenant, events, told=200)
    runner = Runner(log, store, MODELS, 30)
    runner.catch_up()
    runner.rebuild("prospects")
    while runner.step():
        log.told = min(log.told + 10, 300)
    assert store.live()["prospects", prospects.version] == "b"
    assert rows(store, prospects, "b") == sorted(prospects.fold([], events), key=lambda row: row.id)


def test_a_copy_is_taken_while_the_log_grows_at_every_step(store, tenant):
    events = story(300, 12)
    log = Told(tenant, events, told=200)
    runner = Runner(log, store, MODELS, 30)
    runner.catch_up()
    runner.rebuild("prospects")
    while store.live()["prospects", prospects.version] == "a" and log.told < len(events):
        log.told += 1
        runner.step()
    assert store.live()["prospects", prospects.version] == "b"
    assert rows(store, prospects, "b") == sorted(prospects.fold([], events[: log.told]), key=lambda row: row.id)


def test_another_runner_that_held_the_old_copy_goes_on_with_the_new(store, tenant):
    events = story(200, 13)
    log = Told(tenant, events, told=150)
    other, runner = Runner(log, store, MODELS), Runner(log, store, MODELS)
    other.catch_up()
    runner.rebuild("prospects")
    runner.catch_up()
    log.told = 200
    other.catch_up()
    assert rows(store, prospects, "b") == sorted(prospects.fold([], events), key=lambda row: row.id)


def test_a_copy_whose_rows_are_not_what_was_folded_is_never_shown(store, tenant, owner, caplog):
    log = Told(tenant, story(100))
    runner = Runner(log, store, MODELS, 60)
    runner.step()
    tamper(owner, tenant)
    runner.catch_up()
    assert store.live() == {("audit", audit.version): "a"}
    assert "are not what was folded" in caplog.text


def test_without_the_digest_it_would_be_shown(store, tenant, owner, monkeypatch):
    monkeypatch.setattr(repair, "_digest", lambda work, build: store.checkpoints()[-1].digest)
    runner = Runner(Told(tenant, story(100)), store, (prospects, funnel), 60)
    runner.step()
    tamper(owner, tenant)
    runner.catch_up()
    assert store.live() == {("prospects", prospects.version): "a"}


def test_a_log_that_lost_its_tail_and_grew_another_is_noticed_and_followed(store, tenant, caplog):
    """The numbers of the lost events are given out again: only what the events are tells."""
    events, others = story(200, 14), story(200, 15)
    runner = Runner(Told(tenant, events, told=180), store, MODELS, 50)
    runner.catch_up()
    grown = [*events[:150], *(replace(each, generation=2) for each in others[150:])]
    log = Told(tenant, grown, generation=2)
    after = Runner(log, store, MODELS, 50)
    after.catch_up()
    assert "its log does not have" in caplog.text
    assert store.live() == {("audit", audit.version): "b", ("prospects", prospects.version): "b"}
    assert rows(store, audit, "b") == audit.fold([], grown)
    assert {each.generation for each in store.checkpoints()} == {2}


def test_a_new_generation_that_lost_nothing_keeps_the_rows(store, tenant):
    events = story(50)
    Runner(Told(tenant, events), store, MODELS).catch_up()
    Runner(Told(tenant, events, generation=2), store, MODELS).catch_up()
    assert store.live() == {("audit", audit.version): "a", ("prospects", prospects.version): "a"}
    assert {each.generation for each in store.checkpoints()} == {2}


def test_a_shape_that_changed_under_its_version_is_refused(migrated, owner):
    class Wider(ProspectRow, frozen=True):
        more: str = ""

    with pytest.raises(Reshaped, match="raise the view's version"):
        create(owner, [replace(prospects, row=Wider)])
    with pytest.raises(Reshaped, match="raise the view's version"):
        create(owner, [prospects, replace(funnel, name="late")])


def test_making_the_tables_again_changes_nothing(migrated, owner):
    create(owner, MODELS)
    assert table(prospects).name == "everlog.view_prospects_2"
    assert table(prospects, "b").name == "everlog.view_prospects_2_b"


def test_what_a_replaced_copy_had_parked_is_listed_no_more(store, tenant, make):
    def evolve(rows, recorded):
        return prospects.evolve(rows, recorded) if recorded.position != 5 else 1 / 0

    stubborn = replace(prospects, name="stubborn", evolve=evolve)
    make(stubborn)
    runner = Runner(Told(tenant, story(5)), store, (stubborn,))
    runner.catch_up()
    runner.rebuild("stubborn")
    runner.catch_up()
    assert [(each.slot, each.event.position) for each in store.parked()] == [("b", 5)]

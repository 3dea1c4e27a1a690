"""What queries get of the read models."""

import asyncio
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from msgspec import convert
from msgspec.structs import replace

from adapters.postgres import reads as module
from adapters.postgres.database import found
from adapters.postgres.views import Views
from application.ports import Unanswered
from domain.kernel import Sealed
from projections.audit import Event, Trail, audit
from projections.funnel import Counts, Daily, funnel
from projections.kernel import Count
from projections.prospects import Get, List, prospects
from projections.runner import Runner
from tests.adapters.postgres.asking import EVENTS, MODELS, ROWS, ask, models
from tests.story import START, Clear, Told, story


def paged(migrated, tenant, limit, **options):
    async def pages():
        async with models(migrated) as made:
            reads, cursor, rows = made.of(tenant), "", []
            while True:
                page = await reads.page(prospects, limit=limit, cursor=cursor, **options)
                rows += page.rows
                assert len(page.rows) <= limit
                if not (cursor := page.cursor):
                    return rows

    return asyncio.run(pages())


def test_one_row_comes_as_it_was_folded(migrated, full):
    row = ROWS[7]
    assert isinstance(row.name, Sealed)
    assert ask(migrated, full, Get(id=row.id), Get(id=UUID(int=5))) == [row, None]


def test_another_tenants_row_is_a_missing_one(migrated, tenant, keeper, full):

    Runner(Told(tenant, story(3)), Views(tenant, keeper, Clear()), MODELS).catch_up()
    assert ask(migrated, tenant, Get(id=ROWS[7].id)) == [None]


@pytest.mark.parametrize("limit", [1, 7, 200])
@pytest.mark.parametrize("sort", ["captured_at", "-captured_at", "id", "-id"])
def test_pages_hold_every_row_once_in_order(migrated, full, limit, sort):
    name = sort.removeprefix("-")
    expected = sorted(ROWS, key=lambda row: (getattr(row, name), row.id), reverse=sort.startswith("-"))
    assert paged(migrated, full, limit, sort=sort) == expected


def test_ties_are_settled_by_the_key(migrated, keeper, database):
    """Every row captured at the same time: pages go on by the key alone."""

    tenant, events = uuid4(), [replace(each, at=START) for each in EVENTS]
    found(database, tenant)
    Runner(Told(tenant, events), Views(tenant, keeper, Clear()), MODELS).catch_up()
    assert [row.id for row in paged(migrated, tenant, 5)] == sorted(row.id for row in ROWS)


def listed(rows):
    return sorted(row.id for row in rows)


def test_filters_are_exact_or_ranges(migrated, full):
    middle = START + timedelta(hours=15)
    answers = ask(
        migrated,
        full,
        List(stage="met", limit=200),
        List(industry="", limit=200),
        List(stage="won", industry="looms", limit=200),
        List(captured_since=middle, limit=200),
        List(captured_before=middle, signals_least=2, limit=200),
        List(signals_least=1, signals_below=2, limit=200),
    )
    assert [listed(page.rows) for page in answers] == [
        listed(row for row in ROWS if row.stage == "met"),
        listed(row for row in ROWS if row.industry == ""),
        listed(row for row in ROWS if row.stage == "won" and row.industry == "looms"),
        listed(row for row in ROWS if row.captured_at >= middle),
        listed(row for row in ROWS if row.captured_at < middle and row.signals >= 2),
        listed(row for row in ROWS if row.signals == 1),
    ]


def test_a_person_is_found_by_the_exact_address(migrated, full):
    row = ROWS[3]
    found, other, part = ask(
        migrated, full, List(email=f"{row.id}@EXAMPLE.org"), List(email="nobody@example.org"), List(email="%")
    )
    assert (found.rows, other.rows, part.rows) == ([row], [], [])


def test_chosen_fields_come_alone_with_the_key(migrated, full):
    page, same = ask(migrated, full, List(fields=("stage",), limit=3), List(fields=("id", "stage", "stage"), limit=3))
    assert [row.__struct_fields__ for row in page.rows] == [("id", "stage")] * 3
    assert page.rows == same.rows


def test_counts_are_those_of_the_rows_now_and_at_any_days_end(migrated, full):
    [by_stage, by_both, total] = ask(migrated, full, Counts(), Counts(by=("stage", "industry")), Counts(by=()))
    assert sum(each.count for each in by_stage) == len(ROWS)
    assert total == [Count((), len(ROWS))]
    assert {each.group: each.count for each in by_both} == {
        group: sum(funnel.group(row) == group for row in ROWS) for group in {funnel.group(row) for row in ROWS}
    }
    for day in (date(2026, 1, 1), date(2026, 1, 2), date(2025, 1, 1)):
        then = prospects.fold([], [each for each in EVENTS if each.at.date() <= day])
        [counts] = ask(migrated, full, Counts(at=day))
        assert {each.group[0]: each.count for each in counts} == {
            stage: sum(row.stage == stage for row in then) for stage in {row.stage for row in then}
        }


def test_days_tell_changes_and_where_they_led(migrated, full):
    whole, later, early = ask(
        migrated, full, Daily(), Daily(since=date(2026, 1, 2)), Daily(until=date(2026, 1, 1), by=("stage", "industry"))
    )
    assert later == [each for each in whole if each.day >= date(2026, 1, 2)]
    assert {each.day for each in early} == {date(2026, 1, 1)}
    [now] = ask(migrated, full, Counts())
    last = {each.group: each.count for each in whole}
    assert {group: count for group, count in last.items() if count} == {each.group: each.count for each in now}
    assert all(each.change for each in whole)


@pytest.mark.parametrize(
    ("asked", "of"),
    [
        ("actor_kind", lambda each: each.meta.actor.kind),
        ("asked_permission", lambda each: each.meta.permission),
        ("rule", lambda each: each.meta.rule),
        ("event", lambda each: each.meta.event),
        ("causation", lambda each: each.meta.causation),
        ("correlation", lambda each: each.meta.correlation),
        ("trace", lambda each: each.meta.trace),
        ("on_behalf_of", lambda each: each.meta.on_behalf_of and str(each.meta.on_behalf_of)),
    ],
)
def test_the_trail_is_filtered_by_how_a_fact_came_about(migrated, full, asked, of):
    value = next((of(each) for each in EVENTS if of(each) is not None), None)
    absent = value is None
    value = UUID(int=1) if absent and asked in {"causation", "correlation"} else "none" if absent else value
    [page] = ask(migrated, full, convert({asked: value, "limit": 200}, Trail))
    expected = [each.position for each in EVENTS if of(each) == value]
    assert [row.position for row in page.rows] == expected[::-1][:200]


def test_the_trail_is_filtered_by_a_span_of_positions(migrated, full):
    page, codes, commands = ask(
        migrated, full, Trail(position_least=7, position_below=10), Trail(code="none"), Trail(command="none")
    )
    assert [row.position for row in page.rows] == [9, 8, 7]
    assert codes.rows == commands.rows == []


def test_the_trail_is_newest_first_and_filtered(migrated, full):
    actor, stream = EVENTS[5].meta.actor.id, EVENTS[9].id
    answers = ask(
        migrated,
        full,
        Trail(limit=200),
        Trail(actor=actor, limit=200),
        Trail(type="prospects.won", limit=200),
        Trail(resource=stream, capability="prospects", limit=200),
        Trail(since=EVENTS[100].at, before=EVENTS[110].at),
        Trail(ip="10.0.0.2", limit=200),
        Trail(outcome="refused"),
        Trail(session="none"),
    )
    expected = [
        EVENTS[100:],
        [each for each in EVENTS if each.meta.actor.id == actor],
        [each for each in EVENTS if each.type == "prospects.won"],
        [each for each in EVENTS if each.id == stream],
        EVENTS[100:110],
        [each for each in EVENTS if Clear().open(each.meta.circumstances).ip == "10.0.0.2"],
        [],
        [],
    ]
    assert [[row.position for row in page.rows] for page in answers] == [
        [each.position for each in reversed(events)] for events in expected
    ]


def test_one_entry_of_the_trail(migrated, full):
    [entry, missing] = ask(migrated, full, Event(position=17), Event(position=9999))
    assert (entry.position, entry.type, missing) == (17, EVENTS[16].type, None)


def test_readers_follow_a_swap_at_once(migrated, keeper, tenant):

    runner = Runner(Told(tenant, EVENTS), Views(tenant, keeper, Clear()), MODELS)
    runner.catch_up()

    async def across():
        async with models(migrated) as made:
            before = await made.of(tenant).page(prospects)
            runner.rebuild("prospects")
            runner.catch_up()
            with keeper.transaction(tenant) as connection:
                connection.execute("delete from everlog.view_prospects_2 where tenant_id = %s", [tenant])
            return before, await made.of(tenant).page(prospects), await made.of(tenant).counts(funnel)

    before, after, counts = asyncio.run(across())
    assert before == after
    assert sum(each.count for each in counts) == len(ROWS)


def test_a_view_that_was_never_ready_is_no_empty_one(migrated, tenant, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    with pytest.raises(Unanswered):
        ask(migrated, tenant, List())


def test_lag_is_told_for_each_view(migrated, full):
    [lags] = ask(migrated, full, lambda reads: reads.lag())
    assert [(each.view, each.version, each.position, each.parked) for each in lags] == [
        ("audit", audit.version, 300, 0),
        ("prospects", prospects.version, 300, 0),
    ]

"""What waits when an event cannot be applied, and what goes on."""

from datetime import datetime
from uuid import UUID

import pytest
from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Unreadable
from domain.prospects import Captured
from projections.builds import Build, Unstorable
from projections.digest import EMPTY, SIZE, digester, moved
from projections.fold import Fold
from projections.kernel import View, Where
from tests.story import story


class Row(Struct, frozen=True):
    id: UUID
    group: str
    seen: tuple[int, ...] = ()
    score: float = 0.0
    at: datetime | None = None


class Seen(Fact, frozen=True, tag="test.seen"):
    group: str


class Swept(Fact, frozen=True, tag="test.swept"):
    group: str


def select(recorded):
    match recorded.fact:
        case Swept(group=group):
            return Where("group", group)
        case Seen(group="?"):
            raise ValueError("Ada Lovelace")
    return Where("id", recorded.id)


def evolve(rows, recorded):
    match recorded.fact:
        case Seen(group="!"):
            raise ValueError("Ada Lovelace")
        case Seen(group=group):
            seen = rows[0].seen if rows else ()
            return [Row(recorded.id, group, (*seen, recorded.position))]
    return [replace(row, seen=(*row.seen, recorded.position)) for row in rows]


view = View("seen", 1, Row, select, evolve, facts=Seen | Swept, indexes=(("group",),))


def events(*facts):
    """Each (stream, fact) at the next position."""
    template = story(1)[0]
    return [
        replace(
            template, position=n, stream=f"test/{UUID(int=stream)}", fact=fact, type=str(fact.__struct_config__.tag)
        )
        for n, (stream, fact) in enumerate(facts, 1)
    ]


def run(*facts, parked=(), rows=()):
    fold = Fold(Build(view))
    wanted = fold.prepare(events(*facts), {})
    changes = fold.run([rows] * len(wanted), parked)
    return (
        {row.id.int: row.seen for row in changes.new},
        {each.position: each.behind for each in changes.parked},
        changes,
    )


def test_nothing_waits_where_nothing_fails():
    rows, parked, _ = run((1, Seen("a")), (2, Seen("a")), (1, Swept("a")))
    assert rows == {1: (1, 3), 2: (2, 3)}
    assert parked == {}


def test_what_fails_is_parked_with_what_touches_its_rows_and_the_rest_goes_on():
    rows, parked, _ = run((1, Seen("a")), (1, Seen("!")), (2, Seen("b")), (1, Seen("a")), (2, Seen("b")))
    assert rows == {1: (1,), 2: (3, 5)}
    assert parked == {2: None, 4: 2}


def test_an_event_that_would_touch_a_waiting_row_by_another_column_waits_too():
    rows, parked, _ = run(
        (1, Seen("a")), (2, Seen("a")), (1, Seen("!")), (9, Swept("a")), (2, Seen("a")), (3, Seen("b"))
    )
    assert parked == {3: None, 4: 3, 5: 4}
    assert rows == {1: (1,), 2: (2,), 3: (6,)}


def test_a_new_row_that_a_parked_event_would_touch_later_waits():
    rows, parked, _ = run((1, Seen("a")), (1, Seen("!")), (8, Swept("a")), (5, Seen("a")), (6, Seen("b")))
    assert parked == {2: None, 3: 2, 4: 3}
    assert rows == {1: (1,), 6: (5,)}


def test_where_select_fails_the_stream_waits():
    rows, parked, _ = run((1, Seen("?")), (1, Seen("a")), (2, Seen("a")))
    assert parked == {1: None, 2: 1}
    assert rows == {2: (3,)}


def test_what_was_parked_before_holds_back_what_comes():
    _, _, changes = run((1, Seen("!")))
    rows, parked, _ = run((1, Seen("a")), (2, Seen("a")), parked=changes.parked)
    assert rows == {2: (2,)}
    assert parked == {1: 1}


def test_an_unreadable_event_is_parked_where_it_is_of_the_view_and_passed_over_where_not():
    unreadable = events((1, Seen("a")), (2, Seen("a")))
    mine = replace(unreadable[0], fact=Unreadable("test.seen", "why"))
    other = replace(unreadable[1], fact=Unreadable("else.where", "why"), type="else.where")
    fold = Fold(Build(view))
    fold.prepare([mine, other], {})
    assert [each.position for each in fold.run([], ()).parked] == [1]


def test_a_view_that_names_no_facts_parks_whatever_is_unreadable():
    fold = Fold(Build(replace(view, facts=Fact)))
    fold.prepare([replace(events((1, Seen("a")))[0], fact=Unreadable("else.where", "why"), type="else.where")], {})
    assert [each.why for each in fold.run([], ()).parked] == ["Unreadable"]


@pytest.mark.parametrize("group", ["!", "?"])
def test_why_never_quotes_what_the_event_says(group):
    _, _, changes = run((1, Seen(group)))
    assert "Ada" not in changes.parked[0].why
    assert changes.parked[0].why.startswith("ValueError in ")


def test_two_rows_of_a_key_are_parked():
    twice = replace(view, evolve=lambda rows, recorded: [Row(UUID(int=1), "a"), Row(UUID(int=1), "b")])
    fold = Fold(Build(twice))
    wanted = fold.prepare(events((1, Seen("a"))), {})
    assert fold.run([()] * len(wanted), ()).parked[0].why.startswith("Doubled")


def test_what_no_digest_can_be_made_of_is_unstorable():
    odd = replace(view, evolve=lambda rows, recorded: [Row(recorded.id, "\ud800")])
    fold = Fold(Build(odd))
    wanted = fold.prepare(events((1, Seen("a"))), {})
    with pytest.raises(Unstorable):
        fold.run([()] * len(wanted), ())


def test_a_digest_does_not_depend_on_order_and_takes_back_what_left():
    digest = digester(Row)
    one, two = Row(UUID(int=1), "a"), Row(UUID(int=2), "b")
    assert moved(moved(EMPTY, digest(one)), digest(two)) == moved(moved(EMPTY, digest(two)), digest(one))
    assert moved(moved(EMPTY, digest(one)), -digest(one)) == EMPTY
    assert digest(one) != digest(two)
    assert 0 <= digest(one) < SIZE


def test_a_whole_number_among_floats_has_the_digest_of_what_the_database_gives_back():
    digest = digester(Row)
    assert digest(Row(UUID(int=1), "a", score=1)) == digest(Row(UUID(int=1), "a", score=1.0))


def test_prospects_are_captured_once_each():
    assert isinstance(story(1)[0].fact, Captured)

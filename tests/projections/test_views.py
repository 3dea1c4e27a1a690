"""The views as functions, and what each made of the same log last time: that changes with its version alone."""

from hashlib import sha256
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from domain.audit import Denial, Look, Read
from domain.kernel import Erased, Unreadable
from domain.prospects import Captured
from projections.audit import activity, actors, audit
from projections.builds import builds
from projections.digest import digester
from projections.fold import Fold
from projections.funnel import funnel
from projections.predictions.book import book, scores
from projections.predictions.milestones import milestones
from projections.prospects import prospects
from tests.story import START, story

GOLDEN = Path(__file__).with_name("golden.json")
MODELS = (prospects, funnel, audit, activity, actors, book, scores, milestones)
EVENTS = story(400, seed=20261122, predicted=0.2)
EVENTS += [replace(EVENTS[-1], position=401, fact=Denial("prospects.Move", "prospects.move", "access.denied"))]
LOOK = Look(START, 1, (UUID(int=1),), UUID(int=2), "00-a")
EVENTS += [replace(EVENTS[-1], position=402, fact=Read("prospects.get", UUID(int=3), ("name",), (LOOK,)))]


def made(build, events):
    """What a build makes of a log, as a digest that any change of a row or of a group's count changes."""
    fold = Fold(build)
    fold.prepare(events, {})
    changes = fold.run([[]], ())
    rows = sum(map(digester(build.view.row), changes.new)) % 2**256
    sums = sorted((name, change) for name, each in changes.sums.items() for change in each)
    words = [[position, sorted(said.plain), said.hidden] for position, said in changes.words]
    return sha256(msgspec.json.encode([f"{rows:x}", sums, *([words] if words else ())])).hexdigest()


@pytest.mark.parametrize("build", builds(MODELS), ids=lambda build: build.view.name)
def test_a_view_changes_with_its_version_alone(build):
    golden = msgspec.json.decode(GOLDEN.read_bytes())
    label = f"{build.view.name} {build.view.version}"
    expected = f"raise the version of {build.view.name}, then write {made(build, EVENTS)} for it into {GOLDEN.name}"
    assert golden.get(label) == made(build, EVENTS), expected


def test_a_changed_fold_is_found():
    def evolve(rows, recorded):
        return [replace(row, signals=0) for row in prospects.evolve(rows, recorded)]

    [build] = builds([prospects])
    assert made(replace(build, view=replace(prospects, evolve=evolve)), EVENTS) != made(build, EVENTS)


def test_a_changed_group_is_found():
    build = builds([replace(funnel, group=lambda row: (row.stage, "all"))])[0]
    assert made(build, EVENTS) != made(builds([funnel])[0], EVENTS)


def test_the_fold_in_memory_is_the_views_own():
    for build in builds(MODELS):
        fold = Fold(build)
        fold.prepare(EVENTS, {})
        assert len(build.view.fold([], EVENTS)) == len(fold.run([[]], ()).new)


def test_a_view_copes_with_the_erased():
    erased = [
        replace(each, fact=replace(each.fact, name=Erased(), email=Erased(), attributes=Erased()))
        if isinstance(each.fact, Captured)
        else each
        for each in EVENTS
    ]
    assert all(row.name == Erased() for row in prospects.fold([], erased))


def test_the_trail_holds_every_event_even_one_that_nobody_can_read():
    unreadable = replace(EVENTS[3], fact=Unreadable("prospects.captured", "schema 9"))
    rows = audit.fold([], [*EVENTS[:3], unreadable])
    assert [row.position for row in rows] == [1, 2, 3, 4]
    assert rows[3].type == EVENTS[3].type

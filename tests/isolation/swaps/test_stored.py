"""What is exchanged in views and snapshots, as a whole, is shown to nobody.

The keys are made as weak as the claim allows: where one key could serve two places, it does, so that it is the place
alone that a box is refused for. The controls leave the associated data out, or the look at the place, and see it open.
"""

import asyncio
from itertools import combinations
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.kms import FileKMS
from adapters.log import Logs
from adapters.log.states import EVERY
from adapters.postgres.database import Database, found
from adapters.postgres.reads import ReadModels
from adapters.postgres.tables import table
from adapters.postgres.views import Views
from domain.audit import Denial, SignedIn
from domain.kernel import Actor, Circumstances, Fact, Meta
from domain.predictions import Features, Made, Reason
from domain.privacy import ErasureRequested
from domain.prospects import Captured, Noted, prospects
from projections.builds import builds
from projections.kernel import Home
from projections.runner import Runner
from tenants.keys import Misplaced
from tests.conftest import MODELS
from tests.deciders import DECIDERS
from tests.isolation.swaps.exchange import columns_of, swap
from tests.waiting import until

MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
IDS = [UUID(int=n) for n in (1, 2)]


def told():
    return Meta(uuid4(), Actor("user", IDS[0]), "test", circumstances=Circumstances("192.0.2.1", reason="because"))


class Ground:
    """Two tenants with the same streams in them, folded; and what a superuser does to their rows."""

    def __init__(self, migrated, database, committer, folder):
        self.kms = FileKMS(folder)
        self.database = database
        self.logs = Logs(database, committer, self.kms, DECIDERS)
        self.committer = committer
        self.tenants = [uuid4(), uuid4()]
        self.streams = [f"prospects/{id}" for id in IDS]
        self.power = psycopg.connect(migrated.addresses.superuser, autocommit=True)
        self.runner = asyncio.Runner()
        self.reading = Database(migrated.addresses.app, size=2)
        self.reading.open()
        self.runner.run(self.reading.start())
        for tenant in self.tenants:
            found(database, tenant)
            self._fill(self.logs.of(tenant))
            with Database(migrated.addresses.worker) as worker:
                assert Runner(self.logs.of(tenant), Views(tenant, worker, self.logs.of(tenant)), MODELS).catch_up()

    def _fill(self, log):
        for id in IDS:
            facts: list[Fact] = [Captured(f"Name {id}", f"{uuid4()}@example.org", "engines", (("size", id.int),))]
            facts += [Noted(str(n)) for n in range(EVERY)]
            log.submit(f"prospects/{id}", 0, facts, told()).result(30)
            request = ErasureRequested(uuid4(), "art17", "T-1", f"because {id}")
            log.submit(f"privacy/{id}", 0, [request], told()).result(30)
            made = Made("m", 1, id, 1, 0, "c", (), 0.5, (), (), "", "", (Reason(str(id), 1.0, 0.1),), Features())
            log.submit(f"predictions/{UUID(int=id.int + 8)}", 0, [made], told()).result(30)
            meta = told()
            denial = Denial("prospects.Move", "prospects.move", "access.denied", f"prospects/{id}")
            log.submit(f"audit/{meta.event}", 0, [denial], meta).result(30)
            meta = told()
            log.submit(f"audit/{meta.event}", 0, [SignedIn(f"api_keys/{id}")], meta).result(30)

    def close(self):
        self.logs.close()
        self.runner.run(self.reading.stop())
        self.reading.close()
        self.runner.close()
        self.power.close()


@pytest.fixture(scope="module")
def ground(migrated, database, committer, tmp_path_factory):
    made = Ground(migrated, database, committer, tmp_path_factory.mktemp("swaps") / "kms")
    yield made
    made.close()


CELLS = [
    (build.view, column.name) for build in builds(MODELS) for column in table(build.view).columns if column.personal
]


def cells(ground):
    """Every personal value in a view's row: tenant, view, column, key."""
    for (view, column), tenant in ((cell, tenant) for cell in CELLS for tenant in ground.tenants):
        sql = f"select {view.key} from {table(view).name} where tenant_id = %s and {column} is not null order by 1"
        for (key,) in ground.power.execute(sql, [tenant]).fetchall()[-4:]:
            yield tenant, view, column, key


def swapped(ground, one, other):
    """Exchange two cells, which may be in different columns and views."""
    cells = [
        (columns_of(table(view).name, [name], view.key), (tenant, key)) for tenant, view, name, key in (one, other)
    ]
    return swap(ground.power, *cells)


def shown(ground, place, home=None):
    """What a reader is shown of a cell; None where it is refused."""
    tenant, view, column, key = place
    log = ground.logs.of(tenant)
    reads = ReadModels(ground.reading, MODELS, b"secret", ground.logs.of).of(tenant)
    looked = replace(view, home=home) if home else view

    async def look():
        row = await reads.one(looked, key)
        return log.open(getattr(row, column))

    try:
        return repr(ground.runner.run(look()))
    except (Misplaced, msgspec.ValidationError):
        return None


def test_no_value_of_a_view_is_shown_in_the_place_of_another(ground):
    every = list(cells(ground))
    assert {(view.name, column) for _, view, column, _ in every} == {(view.name, column) for view, column in CELLS}
    assert all(shown(ground, place) for place in every)
    pairs = [(one, other) for one, other in combinations(every, 2)]
    tried = 0

    @MANY
    @given(st.sampled_from(pairs))
    def exchange(pair):
        nonlocal tried
        values = swapped(ground, *pair)
        tried += values[0] != values[1]
        try:
            assert [shown(ground, place) for place in pair] == [None, None]
        finally:
            swapped(ground, *pair)

    exchange()
    assert tried > 20
    assert all(shown(ground, place) for place in every)


def test_without_a_look_at_its_home_a_value_would_be(ground):
    pair = [place for place in cells(ground) if place[0] == ground.tenants[0] and place[2] == "name"][:2]
    before = [shown(ground, place) for place in pair]
    swapped(ground, *pair)
    try:
        assert [shown(ground, place, Home((), lambda: "")) for place in pair] == before[::-1]
    finally:
        swapped(ground, *pair)


snapshot = columns_of("everlog.snapshots", ["state"], "stream")


def state(ground, place):
    """What a process that remembers nothing makes of a stream."""
    tenant, stream = place

    async def load():
        logs = Logs(ground.reading, ground.committer, ground.kms, DECIDERS)
        try:
            return (await logs.of(tenant).load(stream, prospects)).state
        finally:
            logs.close()

    return ground.runner.run(load())


@pytest.fixture(scope="module")
def snapshots(ground):
    places = [(tenant, stream) for tenant in ground.tenants for stream in ground.streams]
    for place in places:
        state(ground, place)
        until(lambda place=place: ground.power.execute(*snapshot("select", place, None)).fetchone())
    return places


def test_a_snapshot_in_the_place_of_another_is_not_believed(ground, snapshots):
    before = {place: state(ground, place) for place in snapshots}
    assert len({each.captured.email for each in before.values()}) == 4
    for pair in combinations(snapshots, 2):
        swap(ground.power, *((snapshot, place) for place in pair))
        try:
            # Between tenants the streams are the same, and it is the key that tells.
            for place in pair:
                try:
                    assert state(ground, place) == before[place]
                except Misplaced:
                    assert pair[0][0] != pair[1][0]
        finally:
            swap(ground.power, *((snapshot, place) for place in pair))


def test_two_values_of_a_snapshot_are_not_exchanged(ground, snapshots):
    place = snapshots[0]
    before, [kept] = state(ground, place), ground.power.execute(*snapshot("select", place, None)).fetchone()
    moved = msgspec.msgpack.decode(kept)
    captured = moved["captured"]
    captured["name"], captured["email"] = captured["email"], captured["name"]
    ground.power.execute(*snapshot("update", place, [msgspec.msgpack.encode(moved)]))
    try:
        assert state(ground, place) == before
    finally:
        ground.power.execute(*snapshot("update", place, [kept]))


def test_without_a_look_at_its_stream_a_snapshot_would_be_believed(ground, snapshots, monkeypatch):
    monkeypatch.setattr("adapters.log.states.placed", lambda *_: True)
    one, other = snapshots[:2]
    before = state(ground, other)
    swap(ground.power, (snapshot, one), (snapshot, other))
    try:
        assert state(ground, one) == before
    finally:
        swap(ground.power, (snapshot, one), (snapshot, other))

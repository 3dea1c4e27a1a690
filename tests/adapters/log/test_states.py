"""Loading costs what is new, however long the stream; and what is loaded is never stale, nor folded by other rules."""

import asyncio
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from adapters.kms import FileKMS
from adapters.log import Logs, Unfoldable
from adapters.log.states import EVERY, format_of
from domain.kernel import Actor, Decider, Meta
from domain.prospects import Captured, Noted, Prospect, StageMoved, prospects
from tests.adapters.codec.facts import structs
from tests.deciders import DECIDERS

META = Meta(uuid4(), Actor("user", UUID(int=7)), "test")
ADA = Captured("Ada", "ada@example.org", "engines", (("age", 36.0),))


@pytest.fixture
def asked(database, monkeypatch):
    """How many events each read brought, head and snapshot not counted."""
    counts: list[int] = []
    fetch = type(database).fetch

    async def counting(self, tenant, sql, params=()):
        rows = await fetch(self, tenant, sql, params)
        counts.append(sum(bool(row[2]) for row in rows if len(row) == 7))
        return rows

    monkeypatch.setattr(type(database), "fetch", counting)
    return counts


@pytest.fixture
def processes(database, committer, tmp_path):
    """As many processes as a test wants, on one database and one key folder."""
    opened = []

    def process() -> Logs:
        opened.append(Logs(database, committer, FileKMS(tmp_path / "kms"), DECIDERS))
        return opened[-1]

    yield process
    for logs in opened:
        logs.close()


def loading(database, log, *streams, decider=prospects):
    async def load():
        await database.start()
        try:
            return [await log.load(stream, decider) for stream in streams]
        finally:
            await database.stop()

    return asyncio.run(load())


def settled(logs):
    """What is written in the background has been written."""
    logs.close()


def fill(log, stream, count):
    """A capture and moves up to a number of facts."""
    log.submit(stream, 0, [ADA], META).result(10)
    for start in range(1, count, 2_000):
        facts = [StageMoved(str(n - 1), str(n)) for n in range(start, min(start + 2_000, count))]
        log.submit(stream, start, facts, META).result(60)


def snapshots(database, tenant):
    return database.query(tenant, "select stream, version, state from everlog.snapshots where tenant_id = %s", [tenant])


@pytest.mark.parametrize("length", [EVERY, 5_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_long_stream_is_loaded_from_its_snapshot(length, processes, tenant, database, asked):
    writer, stream = processes(), f"prospects/{uuid4()}"
    fill(writer.of(tenant), stream, length)
    [cold] = loading(database, writer.of(tenant), stream)
    assert (cold.version, cold.position, sum(asked)) == (length, length, length)
    settled(writer)
    asked.clear()
    [again] = loading(database, processes().of(tenant), stream)
    assert again == cold
    assert again.state.captured == ADA
    assert asked == [0]


def test_without_snapshots_every_fact_is_read_again(processes, tenant, database, asked, monkeypatch):
    monkeypatch.setattr("adapters.log.states.EVERY", 10**9)
    writer, stream = processes(), f"prospects/{uuid4()}"
    fill(writer.of(tenant), stream, 2_500)
    loading(database, writer.of(tenant), stream)
    settled(writer)
    asked.clear()
    loading(database, processes().of(tenant), stream)
    assert sum(asked) == 2_500


def test_a_process_that_commands_a_stream_reads_only_what_is_new(processes, tenant, database, asked):
    logs, stream = processes(), f"prospects/{uuid4()}"
    log = logs.of(tenant)
    fill(log, stream, 1_000)
    loading(database, log, stream)
    asked.clear()
    for n in range(1_000, 1_005):
        log.submit(stream, n, [StageMoved("a", str(n))], META).result(10)
        assert loading(database, log, stream)[0].state.stage == str(n)
    assert asked == [1] * 5


def test_what_another_process_did_is_seen_at_once(processes, tenant, database):
    one, other, stream = processes().of(tenant), processes().of(tenant), f"prospects/{uuid4()}"
    fill(one, stream, 3)
    assert loading(database, one, stream)[0].version == 3
    other.submit(stream, 3, [StageMoved("2", "met")], META).result(10)
    assert loading(database, one, stream)[0].state.stage == "met"


def test_snapshots_hold_nothing_personal_in_the_clear(processes, tenant, database):
    logs, stream = processes(), f"prospects/{uuid4()}"
    fill(logs.of(tenant), stream, EVERY)
    loading(database, logs.of(tenant), stream)
    settled(logs)
    [(named, version, state)] = snapshots(database, tenant)
    assert (named, version) == (stream, EVERY)
    assert b"Ada" not in state
    assert b"engines" in state


def test_a_snapshot_of_another_program_is_not_used(processes, tenant, database, asked):
    logs, stream = processes(), f"prospects/{uuid4()}"
    fill(logs.of(tenant), stream, EVERY)
    loading(database, logs.of(tenant), stream)
    settled(logs)
    database.query(
        tenant, "update everlog.snapshots set schema = 'older', state = 'junk' where tenant_id = %s", [tenant]
    )
    asked.clear()
    fresh = processes()
    assert loading(database, fresh.of(tenant), stream)[0].version == EVERY
    assert asked == [EVERY]
    settled(fresh)
    assert snapshots(database, tenant)[0][2] != b"junk"


def test_the_format_changes_with_the_rules_of_the_fold():
    def evolve(state: Prospect, fact: object) -> Prospect:
        return state

    def lead_on(body: dict[str, object]) -> dict[str, object]:
        return body

    plain = Decider("prospects", prospects.facts, Prospect(), prospects.evolve)
    assert format_of(plain).schema == format_of(prospects).schema
    assert format_of(replace(plain, evolve=evolve)).schema != format_of(prospects).schema
    # An upcaster leads old facts on in a module that may be another than the fold's.
    assert format_of(replace(plain, upcasts={("prospects.captured", 1): lead_on})).schema != format_of(prospects).schema


def test_a_log_restored_under_a_new_generation_is_read_anew(processes, tenant, database, migrated):
    import psycopg

    log, stream = processes().of(tenant), f"prospects/{uuid4()}"
    fill(log, stream, 3)
    assert loading(database, log, stream)[0].state.stage == "2"
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as connection:
        # The tail was lost, and then other facts were recorded under the same versions.
        connection.execute(
            "update everlog.events set body = %s, generation = 2 where tenant_id = %s and version = 3",
            [b'{"type":"prospects.stage-moved","left":"1","entered":"elsewhere"}', tenant],
        )
        assert loading(database, log, stream)[0].state.stage == "2"
        connection.execute("update everlog.heads set generation = 2 where tenant_id = %s", [tenant])
    assert loading(database, log, stream)[0].state.stage == "elsewhere"


def test_nothing_is_decided_on_a_stream_that_cannot_be_read(processes, tenant, database, committer, tmp_path):
    stream = f"prospects/{uuid4()}"

    class Beamed(Noted, frozen=True, tag="prospects.beamed-up"):
        pass

    later = Decider("later", Beamed, Prospect(), lambda state, _: state)
    with Logs(database, committer, FileKMS(tmp_path / "kms"), (*DECIDERS, later)) as newer:
        newer.of(tenant).submit(stream, 0, [Beamed("x")], META).result(10)
    with pytest.raises(Unfoldable, match="no fact of this program has this tag"):
        loading(database, processes().of(tenant), stream)


def test_a_stream_that_is_not_there_is_empty(processes, tenant, database):
    [loaded] = loading(database, processes().of(tenant), f"prospects/{uuid4()}")
    assert (loaded.state, loaded.version, loaded.position) == (Prospect(), 0, 0)


@pytest.mark.parametrize("decider", DECIDERS, ids=lambda decider: decider.name)
def test_every_state_survives_its_snapshot(decider):
    from hypothesis import given

    kept = format_of(decider)

    @given(structs(type(decider.initial)))
    def survives(state):
        assert kept.decode(kept.encode(state)) == state

    survives()
    assert kept.decode(kept.encode(decider.initial)) == decider.initial

"""What a server lost out of the stream is found and published again; what was taken away on purpose stays away."""

from uuid import UUID, uuid4

import pytest
from nats.errors import Error

from adapters.nats import streams, subjects, whole
from adapters.nats.consume import Gap
from adapters.nats.purge import Purge
from adapters.nats.streams import Retention, ensure_streams
from tests.adapters.nats.broker import Memory
from tests.adapters.nats.conftest import PACE
from tests.adapters.nats.stored import same, stored
from tests.adapters.nats.test_relay import done
from tests.waiting import until


@pytest.fixture
def logs():
    return Memory(uuid4(), uuid4())


def filled(logs, count, body=b"x" * 300):
    for log in logs.logs.values():
        log.append(count, body=body)


def lose(link, *sequences):
    for each in sequences:
        link.begin(streams.api(link.client, f"STREAM.MSG.DELETE.{subjects.STREAM}", {"seq": each})).result(10)


def blocks(broker):
    return sorted(broker.store.rglob("msgs/*.blk"), key=lambda each: int(each.stem))


def whole_again(url, logs):
    """Whether whoever reads the stream from its beginning ends up with the logs; None while nobody can tell."""
    try:
        return all(same(stored(url, tenant), log) for tenant, log in logs.logs.items())
    except Gap:
        return False
    except (Error, OSError, TimeoutError):
        return None


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_that_was_never_synced_is_lost_in_a_power_cut(broker, relaying, logs, which):
    """The first, or one in the midst: what stands behind it is still there."""
    filled(logs, 2200, body=b"x" * 5000)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
    broker.kill()
    files = blocks(broker)
    assert len(files) > 2
    files[which].unlink()
    # Its indexes are older than its files as well, or it would know what is missing.
    for each in broker.store.rglob("index.db"):
        each.unlink()
    broker.start()
    assert until(lambda: whole_again(broker.url, logs) is False), "the control"
    with relaying(broker.url, logs):
        assert until(lambda: whole_again(broker.url, logs), 60)


def test_what_is_lost_of_one_is_published_again_and_nothing_of_others(broker, relaying, linked, logs):
    ensure_streams(broker.url)
    filled(logs, 300)
    one, _ = logs.logs
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
    link, _ = linked(broker.url)
    assert link.wait(10)
    mine = link.begin(_sequences(link.client, one)).result(10)
    lose(link, *mine[:3], *mine[100:120])
    again = []
    with relaying(broker.url, logs, told=lambda tenant, events, _: again.extend([tenant] * len(events))) as worker:
        assert until(lambda: whole_again(broker.url, logs))
    assert set(again) == {one}


async def _sequences(client, tenant):
    """Where a tenant's messages stand in the stream."""
    consumer = await client.jetstream().pull_subscribe(subjects.events(tenant), stream=subjects.STREAM)
    return [each.metadata.sequence.stream for each in await consumer.fetch(300, timeout=10)]


def test_an_erased_person_is_no_hole(broker, relaying, linked, logs):
    filled(logs, 60)
    one, _ = logs.logs
    gone = UUID(logs.of(one).events[20].stream[-36:])
    link, purge = linked(broker.url, Purge)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
        assert link.wait(60)
        assert purge.purge(one, gone, 1, 60) == 1
    told = []
    with relaying(broker.url, logs, told=lambda *_: told.append(1), erased=lambda _: {gone}) as worker:
        assert until(lambda: worker._looked == set(logs.logs))
    assert told == []
    with relaying(broker.url, logs, erased=lambda _: {uuid4()}) as worker:
        assert until(lambda: whole_again(broker.url, logs)), "the control: a hole of somebody who lives"


def test_what_ages_away_is_no_hole(broker, relaying, logs):
    keep = Retention(max_bytes=600_000)
    ensure_streams(broker.url, keep)
    filled(logs, 600)
    with relaying(broker.url, logs, pace=PACE) as worker:
        assert done(worker, logs)
    assert min(each.position for tenant in logs.logs for each in stored(broker.url, tenant)) > 1
    told = []
    with relaying(broker.url, logs, told=lambda *_: told.append(1)) as worker:
        assert until(lambda: worker._looked == set(logs.logs))
    assert told == []


def test_a_restored_log_is_looked_through(broker, relaying, linked, tenant):
    """Its stream holds more than the log has, so that no count tells of a hole."""
    logs = Memory(tenant)
    log = logs.of(tenant)
    log.append(100)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
    log.events, log.generation = log.events[:50], 2
    log.append(1, body=b'{"type":"tenancy.resumed","previous":1}', type="tenancy.resumed")
    log.append(60)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
    link, _ = linked(broker.url)
    assert link.wait(10)
    assert link.begin(whole.holes(link.client, tenant)).result(30) == []
    lose(link, 101)
    assert [each.first for each in link.begin(whole.holes(link.client, tenant)).result(30)] == [51]
    lose(link, *range(120, 130))
    with relaying(broker.url, logs):
        assert until(lambda: [each.position for each in stored(broker.url, tenant)] == list(range(1, 112)))


def test_a_connection_that_ends_during_a_look_is_not_the_last(broker, relaying, tenant, monkeypatch):
    """The library turns a cancellation into an error where the connection is closed: the look went on after it."""
    logs, begun = Memory(tenant), []

    async def waits(client, _):
        subscription = await client.subscribe("nothing.comes.here")
        begun.append(client)
        await subscription.next_msg(60)

    monkeypatch.setattr(whole, "suspicious", waits)
    logs.of(tenant).append(10)
    with relaying(broker.url, logs) as worker:
        assert until(lambda: begun)
        broker.kill()
        broker.start()
        logs.of(tenant).append(10)
        assert until(lambda: worker.behind() == {tenant: 0} and whole_again(broker.url, logs))

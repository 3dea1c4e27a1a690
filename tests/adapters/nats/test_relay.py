"""The relay's promise: the stream holds each tenant's log in order, whatever happened to NATS."""

import threading
import time
from uuid import uuid4

import pytest
from nats.errors import Error

from adapters.nats import publish, relay
from adapters.nats.consume import Gap
from adapters.nats.relay import Pace
from adapters.nats.streams import Retention, ensure_streams, retention
from tests.adapters.nats.broker import Memory, OneLog
from tests.adapters.nats.stored import same, stored, taken
from tests.waiting import until


def through(url, logs):
    """Whether the stream has everything, for every tenant."""
    return all(same(stored(url, tenant), log) for tenant, log in logs.logs.items())


def done(worker, logs):
    """Whether the relay has compared and published everything."""
    return until(
        lambda: all(
            (course := worker._courses.get(tenant)) and course.position == len(log.events)
            for tenant, log in logs.logs.items()
        )
    )


def test_every_event_arrives_once_in_order_with_its_bytes(servers, relaying):
    logs = Memory(uuid4(), uuid4())
    for log in logs.logs.values():
        log.append(1203)
    with relaying(servers.addresses.nats, logs) as worker:
        assert done(worker, logs)
        for log in logs.logs.values():
            log.append(7)
        assert done(worker, logs)
        assert worker.behind() == dict.fromkeys(logs.logs, 0)
    for tenant, log in logs.logs.items():
        found = stored(servers.addresses.nats, tenant)
        assert [event.position for event in found] == [event.position for event in log.events]
        assert same(found, log)


def test_a_restarted_relay_goes_on_where_the_stream_ends(broker, relaying, tenant):
    logs = Memory(tenant)
    logs.of(tenant).append(600)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
    logs.of(tenant).append(600)
    told = []
    with relaying(broker.url, logs, told=lambda _, events, __: told.extend(events)) as worker:
        assert done(worker, logs)
    assert [event.position for event in told] == list(range(601, 1201))
    assert len(stored(broker.url, tenant)) == 1200


def test_a_wiped_store_is_filled_again(broker, relaying):
    logs = Memory(uuid4(), uuid4())
    for log in logs.logs.values():
        log.append(700)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
        broker.kill()
        broker.wipe()
        broker.start()
        assert until(lambda: through_or_away(broker.url, logs))
    assert through(broker.url, logs)


def through_or_away(url, logs):
    try:
        return through(url, logs)
    except (Error, OSError, TimeoutError):
        return False


def test_a_lost_tail_is_published_again(broker, relaying):
    logs = Memory(uuid4(), uuid4())
    first, second = logs.logs.values()
    first.append(300)
    second.append(300)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
        broker.kill()
        broker.remember()
        broker.start()
        first.append(400)
        assert done(worker, logs)
        broker.kill()
        broker.restore()
        second.append(100)
        broker.start()
        assert until(lambda: through_or_away(broker.url, logs))


def test_killed_in_the_middle_it_ends_up_whole(broker, relaying, tenant):
    logs, stored_up_to = Memory(tenant), [0]
    logs.of(tenant).append(10_000)

    def told(_, events, __):
        stored_up_to.append(events[-1].position)

    with relaying(broker.url, logs, told=told) as worker:
        for position in (500, 3000, 6000):
            assert until(lambda position=position: max(stored_up_to) >= position, 60)
            broker.kill()
            broker.start()
        # Looked at from outside only once it claims to be done: that takes a while.
        assert until(lambda: max(stored_up_to) == 10_000, 60)
        assert done(worker, logs)
        assert until(lambda: through_or_away(broker.url, logs), 60)


def test_a_server_that_hangs_delays_and_loses_nothing(broker, relaying, tenant):
    logs = Memory(tenant)
    logs.of(tenant).append(100)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
        broker.hang()
        logs.of(tenant).append(2000)
        time.sleep(1.5)
        broker.go_on()
        assert until(lambda: through_or_away(broker.url, logs))


def test_a_purged_stream_is_filled_although_the_server_remembers_the_ids(broker, relaying, linked, tenant):
    logs = Memory(tenant)
    logs.of(tenant).append(10)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
    link, _ = linked(broker.url)
    assert link.wait(10)
    link.begin(link.client.jetstream().purge_stream("EVERLOG")).result(10)
    assert stored(broker.url, tenant) == []
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
    assert through(broker.url, logs)


def test_a_stream_deleted_under_a_live_connection_comes_back(broker, relaying, linked, tenant):
    logs = Memory(tenant)
    logs.of(tenant).append(600)
    link, _ = linked(broker.url)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
        assert link.wait(10)
        link.begin(link.client.jetstream().delete_stream("EVERLOG")).result(10)
        assert until(lambda: through_or_away(broker.url, logs))


def test_a_log_restored_in_a_new_generation_is_published_from_the_cut(broker, relaying, tenant):
    logs = Memory(tenant)
    log = logs.of(tenant)
    log.append(50)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
        # All at once, as a restore does it in one transaction.
        restored = OneLog()
        restored.events, restored.generation = log.events[:40], 2
        restored.append(20)
        logs.logs[tenant] = restored
        assert done(worker, logs)
    found = [(event.generation, event.position) for event in stored(broker.url, tenant)]
    assert found == [(1, n) for n in range(1, 51)] + [(2, n) for n in range(41, 61)]


def test_a_log_that_lost_its_tail_unannounced_is_not_relayed_but_reported(broker, relaying, tenant):
    logs = Memory(tenant, uuid4())
    log = logs.of(tenant)
    log.append(50)
    with relaying(broker.url, logs) as worker:
        assert until(lambda: (course := worker._courses.get(tenant)) and course.position == 50)
    log.events = log.events[:40]
    log.append(20)
    other = next(each for each in logs.logs if each != tenant)
    logs.of(other).append(5)
    with relaying(broker.url, logs) as worker:
        assert until(lambda: worker.forked) == {tenant: "generation 1, position 50"}
        assert until(lambda: worker.behind().get(other) == 0)
    assert len(stored(broker.url, tenant)) == 50


def test_several_relays_do_not_break_the_order(servers, relaying):
    logs = Memory(*(uuid4() for _ in range(5)))
    stop = threading.Event()

    def fill():
        while not stop.wait(0.01):
            for log in logs.logs.values():
                log.append(11)

    filling = threading.Thread(target=fill)
    url = servers.addresses.nats
    with relaying(url, logs), relaying(url, logs), relaying(url, logs):
        filling.start()
        time.sleep(2)
        stop.set()
        filling.join()
        assert until(lambda: through(url, logs))
    for tenant, log in logs.logs.items():
        assert [event.position for event in stored(url, tenant)] == list(range(1, len(log.events) + 1))


def test_a_lease_kept_by_another_leaves_the_tenant_alone(servers, relaying, tenant):
    class Taken:
        asked = 0

        def hold(self, job, tenant):
            self.asked += 1
            return False

    logs, leases = Memory(tenant), Taken()
    logs.of(tenant).append(5)
    with relaying(servers.addresses.nats, logs, leases=leases):
        assert until(lambda: leases.asked > 3)
    assert stored(servers.addresses.nats, tenant) == []


def test_what_is_too_big_is_announced_without_its_bytes(broker, relaying, tenant):
    logs = Memory(tenant)
    logs.of(tenant).append(1)
    logs.of(tenant).append(1, body=b"x" * 2**20)
    logs.of(tenant).append(1)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
    small, big, last = stored(broker.url, tenant)
    assert (big.position, big.body, small.omitted, last.omitted) == (2, b"", 0, 0)
    assert big.omitted > 2**20


def test_what_would_have_aged_away_is_not_published(broker, relaying, tenant):
    logs = Memory(tenant)
    logs.of(tenant).append(100)
    day = Pace(poll=0.05, pause=0.05, retention=Retention(max_age=86400))
    with relaying(broker.url, logs, day) as worker:
        assert done(worker, logs)
    assert stored(broker.url, tenant) == []


def test_the_stream_is_made_once_and_its_limits_can_be_changed(broker, linked):
    assert linked(broker.url)[0].wait(10)
    for wanted in (Retention(), Retention(), Retention(max_age=3600, max_bytes=10**9), Retention(duplicates=10)):
        ensure_streams(broker.url, wanted)


def test_a_source_that_skips_an_event_is_not_published(broker, relaying, tenant):
    logs = Memory(tenant)
    logs.of(tenant).append(10)
    del logs.of(tenant).events[4]
    with relaying(broker.url, logs) as worker:
        assert until(lambda: worker.behind().get(tenant) is None and worker._rest)
    assert stored(broker.url, tenant) == []


def test_a_relay_that_skips_an_event_is_found_out(broker, relaying, tenant, monkeypatch):
    logs = Memory(tenant)
    logs.of(tenant).append(10)
    monkeypatch.setattr(relay, "_must_follow", lambda *_: None)
    honest = publish.publish

    async def skipping(client, tenant, events, after):
        return await honest(client, tenant, [event for event in events if event.position != 5], after)

    monkeypatch.setattr(publish, "publish", skipping)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
    with pytest.raises(Gap, match="between positions 4 and 6"):
        taken(stored(broker.url, tenant))


def test_a_message_that_was_changed_is_found_out(broker, relaying, tenant):
    logs = Memory(tenant)
    logs.of(tenant).append(10)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
    events = logs.of(tenant).events
    events[-1] = events[-1]._replace(body=b"another")
    with relaying(broker.url, logs) as worker:
        assert until(lambda: worker.forked)


def test_limits_come_from_the_environment_and_the_relay_leaves_them_alone(broker, relaying, linked, tenant):
    link, _ = linked(broker.url)
    assert link.wait(10)
    wanted = retention({"EVERLOG_STREAM_MAX_AGE_SECONDS": "86400", "EVERLOG_STREAM_MAX_BYTES": "1000000"})
    assert (wanted.max_age, wanted.max_bytes) == (86400, 10**6)
    ensure_streams(broker.url, wanted)
    logs = Memory(tenant)
    logs.of(tenant).append(3)
    with relaying(broker.url, logs) as worker:
        assert done(worker, logs)
    info = link.begin(link.client.jetstream().stream_info("EVERLOG")).result(10)
    assert (info.config.max_age, info.config.max_bytes) == (86400, 10**6)

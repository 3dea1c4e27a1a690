"""Wake-ups come over NATS, within the process without it, and never get in an append's way."""

import asyncio
import threading
import time
from uuid import UUID, uuid4

import pytest

from adapters.nats import subjects
from adapters.nats.ear import Ear
from adapters.nats.link import Link
from adapters.nats.wake import Wakes, mark
from tests.waiting import until


def other(linked, url):
    """The wakes of another process, as it were: a connection of its own."""
    link, wakes = linked(url, Wakes)
    assert link.wait(10)
    return wakes


def settled(ear):
    """Take the ring that each new connection gives; afterwards only news rings."""
    assert ear.wait(10).all
    while ear.wait(0.2):
        pass


def test_a_commit_wakes_another_process(servers, linked, tenant):
    here, there = other(linked, servers.addresses.nats), other(linked, servers.addresses.nats)
    with there.commits(tenant) as one, there.commits() as every:
        settled(one)
        settled(every)
        here.committed(tenant, 1, 7)
        assert one.wait(10).tenants == every.wait(10).tenants == {tenant}
        assert one.reached(tenant) == (1, 7)


def test_views_that_moved_wake_those_who_wait_for_a_position(servers, linked, tenant):
    here, there = other(linked, servers.addresses.nats), other(linked, servers.addresses.nats)
    with there.views(tenant) as ear, there.commits(tenant) as deaf:
        settled(ear)
        settled(deaf)
        here.seen(tenant, 1, 41)
        assert ear.wait(10).tenants == {tenant}
        assert not deaf.wait(0.2)


def test_an_ear_hears_only_its_tenant(servers, linked, tenant):
    here, there = other(linked, servers.addresses.nats), other(linked, servers.addresses.nats)
    with there.commits(tenant) as ear:
        settled(ear)
        here.committed(uuid4(), 1, 1)
        assert not ear.wait(0.3)


def test_many_commits_are_announced_together(servers, linked, tenant):
    here, there = other(linked, servers.addresses.nats), other(linked, servers.addresses.nats)
    with there.commits(tenant) as ear:
        settled(ear)
        for position in range(1, 2001):
            here.committed(tenant, 1, position)
        rings = 0
        while ear.reached(tenant) != (1, 2000):
            assert ear.wait(10)
            rings += 1
        assert rings < 200


def test_a_coroutine_waits_on_its_own_loop(servers, linked, tenant):
    here, there = other(linked, servers.addresses.nats), other(linked, servers.addresses.nats)

    async def reader(ear):
        threading.Timer(0.1, here.committed, (tenant, 1, 1)).start()
        return await ear.heard(10)

    with there.commits(tenant) as ear:
        settled(ear)
        assert asyncio.run(reader(ear)).tenants == {tenant}


def test_without_nats_the_process_wakes_itself(tenant):
    wakes = Wakes()
    with wakes.commits(tenant) as ear:
        wakes.committed(tenant, 1, 1)
        assert ear.wait(0).tenants == {tenant}
        wakes.committed(tenant, 1, 1)
        assert not ear.wait(0)


def test_an_append_never_waits_for_nats(broker, linked, tenant):
    wakes = other(linked, broker.url)
    broker.hang()
    began = time.monotonic()
    for position in range(1, 50_001):
        wakes.committed(tenant, 1, position)
    # Not a measure of speed: one blocked write would take the whole ping time-out.
    assert time.monotonic() - began < 30
    broker.go_on()
    broker.kill()
    wakes.committed(tenant, 1, 50_001)
    broker.start()


def test_a_link_to_nowhere_announces_nothing_and_breaks_nothing(tenant):
    link = Link("nats://127.0.0.1:9")
    wakes = Wakes(link)
    wakes.committed(tenant, 1, 1)
    link.start()
    wakes.committed(tenant, 1, 2)
    with wakes.commits(tenant) as ear:
        wakes.committed(tenant, 1, 3)
        assert ear.wait(0)
    link.stop()
    wakes.committed(tenant, 1, 4)


def test_after_a_reconnect_everybody_looks_and_hears_again(broker, linked, tenant):
    here, there = other(linked, broker.url), other(linked, broker.url)
    with there.commits(tenant) as ear:
        settled(ear)
        broker.kill()
        here.committed(tenant, 1, 1)
        broker.start()
        assert until(lambda: ear.wait(1).all)
        position = iter(range(2, 1000))
        assert until(lambda: here.committed(tenant, 1, next(position)) or ear.wait(0.1).tenants)


def test_a_connection_is_given_up_when_the_server_hangs(broker, linked):
    link, _ = linked(broker.url)
    assert link.wait(10)
    broker.hang()
    assert until(lambda: link.client is None)
    broker.go_on()
    assert link.wait(10)


def test_subscriptions_end_with_their_ears(servers, linked, tenant):
    wakes = other(linked, servers.addresses.nats)
    for _ in range(20):
        with wakes.commits(tenant) as ear:
            settled(ear)
    assert until(lambda: not wakes._wanted and not wakes._ears)


@pytest.mark.parametrize("data", [b"", b"1", b"x:1", b"1:y", b"1:2:3"])
def test_what_is_no_announcement_is_refused(data):
    with pytest.raises(ValueError, match="invalid literal"):
        mark(data)


def test_a_closed_ear_lets_its_waiter_go():
    ear = Ear()
    threading.Timer(0.05, ear.close).start()
    assert not ear.wait(30)


@pytest.mark.parametrize(
    "subject", ["everlog-wake.*", "everlog-wake.", "everlog-wake", "everlog.>", f"x.{UUID(int=1).hex}"]
)
def test_a_subject_names_a_tenant_in_its_one_spelling(subject):
    with pytest.raises(ValueError, match=r"badly formed|not a tenant"):
        subjects.tenant(subject)


@pytest.mark.parametrize(
    ("type", "token"),
    [
        ("prospects.signal-observed", "prospects.signal-observed"),
        ("a.b.c", "a.b_c"),
        ("everything.>", "everything._"),
        ("x. *", "x.__"),
        ("", "_._"),
        ("no\r\nheader", "no__header._"),
    ],
)
def test_a_type_cannot_widen_a_subject(tenant, type, token):
    assert subjects.event(tenant, type) == f"everlog.{tenant}.{token}"


def test_of_several_servers_one_that_answers_is_found(linked, broker):
    link, _ = linked(f"nats://127.0.0.1:1, {broker.url}")
    assert link.wait(30)

"""Messages about an erased person are overwritten in JetStream's files, those of others stay, and none comes back."""

from uuid import UUID, uuid4

import pytest

from adapters.nats.link import Away
from adapters.nats.purge import Purge
from adapters.nats.streams import ensure_streams
from tests.adapters.nats.broker import Memory
from tests.adapters.nats.stored import stored
from tests.waiting import until

CANARY = b"canary-" * 40


def on_disk(broker):
    """How often the canary stands in the files of the broker's store."""
    return sum(each.read_bytes().count(CANARY) for each in broker.store.rglob("*") if each.is_file())


@pytest.fixture
def broker(broker):
    ensure_streams(broker.url)
    return broker


def published(url, tenant, count):
    return until(lambda: len(found := stored(url, tenant)) == count and found)


def test_those_about_a_person_are_overwritten_and_stay_away(broker, linked, relaying, tenant):
    other = uuid4()
    logs = Memory(tenant, other)
    log = logs.of(tenant)
    log.append(40)
    log.append(1, body=CANARY)
    log.append(40)
    gone = UUID(log.events[40].stream[-36:])
    log.append(1, body=CANARY)
    about = b'{"event":"%s","subjects":["%s"]}' % (str(uuid4()).encode(), str(gone).encode())
    log.events[-1] = log.events[-1]._replace(meta=about)
    logs.of(other).append(30, body=CANARY)
    link, purge = linked(broker.url, Purge)
    with relaying(broker.url, logs, erased=lambda _: {gone}):
        published(broker.url, tenant, 82)
        published(broker.url, other, 30)
        assert purge.reached(tenant, 1, 82)
        assert not purge.reached(tenant, 1, 83)
        assert on_disk(broker) == 32, "the control: what was published can be found"
        assert purge.purge(tenant, gone, 1, 82) == 1
        assert on_disk(broker) == 31, "the last is about them too: while it stands, the relay knows where it is"
        log.append(1)
        assert until(lambda: purge.reached(tenant, 1, 83))
        assert purge.purge(tenant, gone, 1, 82) == 1
        assert on_disk(broker) == 30, "of the other tenant nothing is touched"
        assert purge.purge(tenant, gone, 1, 82) == 0, "again, it finds nothing"
        log.append(1)
        kept = published(broker.url, tenant, 82)
    assert [each.position for each in kept] == [each for each in range(1, 85) if each not in (41, 82)]
    with relaying(broker.url, logs, erased=lambda _: {gone}):
        log.append(1)
        kept = published(broker.url, tenant, 83)
    assert CANARY not in b"".join(each.body for each in kept), "a relay that starts anew does not bring them back"
    assert len(stored(broker.url, other)) == 30
    link.stop()


def test_what_was_recorded_after_the_key_went_stays(broker, linked, relaying, tenant):
    logs = Memory(tenant)
    logs.of(tenant).append(3)
    gone = UUID(logs.of(tenant).events[1].stream[-36:])
    _, purge = linked(broker.url, Purge)
    with relaying(broker.url, logs, erased=lambda _: {gone}):
        published(broker.url, tenant, 3)
        assert not purge.purge(tenant, gone, 1, 1)
        assert purge.purge(tenant, gone, 1, 2) == 1


def test_of_whom_nothing_was_published_nothing_is_waited_for(broker, linked, tenant):
    link, purge = linked(broker.url, Purge)
    assert link.wait(30)
    assert purge.reached(tenant, 1, 5)
    assert purge.purge(tenant, uuid4(), 1, 5) == 0


def test_a_purge_waits_for_nats(linked, tenant):
    _, purge = linked("nats://127.0.0.1:1", Purge)
    with pytest.raises(Away):
        purge.purge(tenant, uuid4(), 1, 5)

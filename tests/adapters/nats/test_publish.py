"""One batch: whole or not at all, and only behind the message it names."""

import pytest

from adapters.nats import message, publish, subjects
from adapters.nats.message import Event
from adapters.nats.publish import BYTES, MOST, Rejected, Stale, cut
from adapters.nats.streams import Retention, ensure_streams
from tests.adapters.nats.broker import OneLog
from tests.adapters.nats.stored import stored


@pytest.fixture
def events():
    log = OneLog()
    log.append(20)
    return log.events


@pytest.fixture
def sending(broker, linked, tenant):
    """sending(events, after): publish, and wait for the answer."""
    link, _ = linked(broker.url)
    assert link.wait(10)
    ensure_streams(broker.url, Retention())
    return lambda events, after: link.begin(publish.publish(link.client, tenant, events, after)).result(30)


def positions(broker, tenant):
    return [event.position for event in stored(broker.url, tenant)]


def test_who_wakes_from_the_dead_changes_nothing(broker, sending, tenant, events):
    last = sending(events[:10], 0)
    assert sending(events[10:], last) == 20
    for stale in (0, last):
        with pytest.raises(Stale):
            sending(events[10:], stale)
    assert positions(broker, tenant) == list(range(1, 21))


def test_without_the_sequence_named_it_would(broker, sending, tenant, events, monkeypatch):
    """The control: a sequence that is no longer compared lets the sleeper in again."""
    monkeypatch.setattr(subjects, "events", lambda _: "everlog.nobody.>")
    sending(events[:10], 0)
    monkeypatch.setattr(message, "headers", _nameless)
    sending(events[:10], 0)
    monkeypatch.undo()
    assert positions(broker, tenant) == [*range(1, 11), *range(1, 11)]


_headers = message.headers


def _nameless(tenant, event):
    return {**_headers(tenant, event), "Nats-Msg-Id": f"again:{event.position}"}


def test_a_batch_of_which_one_is_refused_leaves_nothing(broker, sending, tenant, events, monkeypatch):
    def wrong(tenant, event):
        return {**_headers(tenant, event), **({"Nats-Expected-Stream": "ANOTHER"} if event.position == 7 else {})}

    monkeypatch.setattr(message, "headers", wrong)
    with pytest.raises(Rejected):
        sending(events, 0)
    assert positions(broker, tenant) == []


def test_without_a_stream_it_says_so(broker, linked, tenant, events):
    link, _ = linked(broker.url)
    assert link.wait(10)
    with pytest.raises(Rejected, match="no stream"):
        link.begin(publish.publish(link.client, tenant, events, 0)).result(30)


def test_a_batch_takes_what_fits_and_at_least_one(events):
    assert cut(events) == 20
    assert cut(events * 100) == MOST
    big = Event(*events[0])._replace(body=b"x" * (BYTES // 3))
    assert cut([big] * 5) == 2
    assert cut([big._replace(body=b"x" * BYTES * 2)] * 5) == 1

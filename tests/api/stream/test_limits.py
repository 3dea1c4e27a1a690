"""The live stream's limits, over both of its edges: rights that end, clients that are wrong, slow, or gone."""

import asyncio
import socket

import httpx2
import pytest
from msgspec.structs import replace
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from api.problems import Problem
from api.stream import feed as feeds
from application.api_keys import Revoke
from application.pipeline import Rejected
from domain.kernel import Unreadable
from tests.api.stream.conftest import House, answering
from tests.api.stream.followers import KINDS, Refusal, facts, follow
from tests.application.piped import Permits, caller
from tests.waiting import until

both = pytest.mark.parametrize("kind", KINDS)


@both
def test_a_revoked_key_ends_its_streams(kind, house):
    key = house.key("Viewer")
    with follow(kind, house, key.text) as messages:
        next(messages)
        house.command(Revoke(), key.id)
        assert [each for each in messages if each["kind"] == "end"] == [{"kind": "end", "code": "auth.revoked"}]


@both
def test_an_organisation_whose_keys_are_taken_back_is_followed_no_longer(kind, house, monkeypatch):
    granted = [True]

    async def grant(_):
        if not granted:
            raise Problem("keys.revoked")

    key = house.key("Viewer")
    monkeypatch.setattr(house.streams.edge, "_granted", grant)
    with follow(kind, house, key.text) as messages:
        next(messages)
        granted.clear()
        assert [each for each in messages if each["kind"] == "end"] == [{"kind": "end", "code": "keys.revoked"}]


def test_whoever_may_follow_no_longer_is_refused_at_the_next_look():
    """A key's role is for life, but a member's is not: the look goes by the policy of the moment."""
    assert asyncio.run(feeds.rights(Permits("prospects.read-personal"), caller)).personal is False
    with pytest.raises(Rejected) as rejection:
        asyncio.run(feeds.rights(Permits("events.read"), caller))
    assert rejection.value.code == "access.denied"


def test_rights_that_are_not_looked_at_again_are_found_out(house, monkeypatch):
    """The control of the test above: with the look switched off, a revoked key goes on receiving."""
    key = house.key("Viewer")
    everything = feeds.Rights(frozenset({"prospects"}), personal=False)

    async def forever():
        return everything

    monkeypatch.setattr(house.streams, "_checked", lambda *_: forever)
    with follow("sse", house, key.text) as messages:
        next(messages)
        house.command(Revoke(), key.id)
        house.win()
        assert len(facts(messages, 1)) == 1


@both
@pytest.mark.parametrize(
    ("key", "parameters", "status", "code"),
    [
        (None, {}, 401, "auth.missing"),
        ("everlog_nonsense", {}, 401, "auth.invalid"),
        ("Auditor", {}, 403, "access.denied"),
        ("Viewer", {"after": "1"}, 422, "request.invalid"),
        ("Viewer", {"after": "0:1"}, 422, "request.invalid"),
        ("Viewer", {"after": "1:-1"}, 422, "request.invalid"),
        ("Viewer", {"after": "1:99999999999999999999"}, 422, "request.invalid"),
        ("Viewer", {"unknown": "x"}, 422, "request.invalid"),
    ],
)
def test_what_is_wrong_is_told_as_a_problem(kind, house, key, parameters, status, code):
    text = house.key(key).text if key in {"Auditor", "Viewer"} else key
    with follow(kind, house, text, **parameters) as messages, pytest.raises(Refusal) as refusal:
        next(messages)
    assert (refusal.value.status, refusal.value.problem["code"]) == (status, code)


def test_a_wrong_last_event_id_is_told(house):
    key = house.key()
    with follow("sse", house, key.text, last_event_id="x") as messages, pytest.raises(Refusal) as refusal:
        next(messages)
    assert refusal.value.status == 422


def test_a_refused_follower_is_audited(house):
    key = house.key("Auditor")
    with follow("sse", house, key.text) as messages, pytest.raises(Refusal):
        next(messages)
    denial = house.log.facts[-1].fact
    assert (denial.command, denial.permission) == ("stream.follow", "events.read")


@both
def test_whoever_follows_has_signed_in(kind, house):
    key = house.key()
    for _ in range(2):
        with follow(kind, house, key.text) as messages:
            next(messages)
    [signed] = house.entered.of(house.tenant).facts
    assert (signed.type, signed.meta.actor.id) == ("audit.signed-in", key.id)


@both
def test_one_key_holds_so_many_streams_and_no_more(kind):
    with answering(House(most=2)) as house:
        key = house.key()
        with follow(kind, house, key.text) as one, follow(kind, house, key.text) as two:
            next(one)
            next(two)
            with follow(kind, house, key.text) as three, pytest.raises(Refusal) as refusal:
                next(three)
            assert refusal.value.status == 429
            [(_, actor, code)] = house.streams.edge._entry._trail._counted
            assert (actor.id, code) == (key.id, "quota.exceeded")
        assert until(lambda: not house.streams._open)
        with follow(kind, house, key.text) as four:
            next(four)


@both
def test_a_client_that_takes_nothing_is_let_go(kind):
    with answering(House(patience=0.5)) as house:
        key = house.key()
        for _ in range(400):
            house.capture(industry="x" * 50_000)
        path = "/v1/events/stream" if kind == "sse" else "/v1/events/live"
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        upgrade += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        request = f"GET {path}?after=1:0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key.text}\r\n"
        with socket.create_connection(("127.0.0.1", house.port)) as deaf:
            deaf.sendall((request + (upgrade if kind == "websocket" else "") + "\r\n").encode())
            assert until(lambda: house.streams._open)
            assert until(lambda: not house.streams._open)


@both
def test_who_hangs_up_leaves_nothing_behind(kind, house):
    key = house.key()
    for _ in range(3):
        with follow(kind, house, key.text) as messages:
            next(messages)
    assert until(lambda: not (house.streams._open or house.streams._tails._running or house.wakes._ears))


@both
def test_silence_is_broken_by_signs_of_life(kind):
    with answering(House(heartbeat=0.05)) as house:
        key = house.key()
        with follow(kind, house, key.text) as messages:
            assert [next(messages)["kind"] for _ in range(3)] == ["position"] * 3


def test_a_browser_gives_its_key_as_a_protocol(house):
    key = house.key()
    url = f"ws://127.0.0.1:{house.port}/v1/events/live"
    with connect(url, subprotocols=[Subprotocol("everlog"), Subprotocol(f"everlog.bearer.{key.text}")]) as live:
        assert live.subprotocol == "everlog"
        assert '"position"' in live.recv(timeout=30)


def test_what_the_server_cannot_read_is_told_without_data(house):
    key = house.key()
    house.win()
    house.log.facts[-1] = replace(house.log.facts[-1], fact=Unreadable("prospects.new", "no such tag"))
    with follow("sse", house, key.text, after="1:1") as messages:
        assert facts(messages, 1)[0]["data"] is None


def test_nothing_may_keep_a_copy_of_the_stream(house):
    key = house.key()
    url = f"http://127.0.0.1:{house.port}/v1/events/stream?follow=false"
    answer = httpx2.get(url, headers={"Authorization": f"Bearer {key.text}"})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.startswith("retry: 1000\n\n")


def test_the_digest_of_a_key_is_shown_to_nobody(house):
    key = house.key()
    with follow("sse", house, key.text, after="1:0") as messages:
        [fact] = facts(messages, 1)
    assert (fact["type"], fact["data"]["hash"], fact["withheld"]) == ("api_keys.issued", None, ["hash"])

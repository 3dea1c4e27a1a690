"""Behind proxies: whose address the trail tells, whom wrong keys are counted against, and who is believed."""

import asyncio
from contextlib import contextmanager
from uuid import uuid4

import httpx2
import pytest
from granian.constants import Interfaces
from granian.server.embed import Server

from adapters.postgres.standing import standing
from api import http, settings
from api.cell import CLIENT, SECRET
from api.forwarded import Forwarded, Proxies
from api.settings import Unset
from tenants.quotas import Quota
from tests.served import free_port
from tests.waiting import until

TRUSTED = {"EVERLOG_TRUSTED_PROXIES": "127.0.0.0/8"}
WORD = "s" * 32


@contextmanager
def behind(world, **named):
    """The world's application as `everlog api` serves it with these settings; what asks it by way of a proxy."""
    port = free_port()

    async def here(tenant):
        return await standing(world.database, tenant)

    app = http.behind(settings.read(named), world.app, here)
    server = Server(app, port=port, interface=Interfaces.ASGI, log_enabled=False)
    served = asyncio.run_coroutine_threadsafe(server.serve(), world._loop)

    def ask(method, path, key, told, **more):
        headers = {"Authorization": f"Bearer {key}", **told}
        return httpx2.request(method, f"http://127.0.0.1:{port}{path}", headers=headers, timeout=60, **more)

    until(lambda: httpx2.get(f"http://127.0.0.1:{port}/healthz").is_success)
    try:
        yield ask
    finally:
        world._loop.call_soon_threadsafe(server.stop)
        served.result(60)


def told(ask, acme, headers):
    """The address that the trail has of a command sent with these headers."""
    body = {"name": "Ada", "email": f"{uuid4()}@example.org"}
    done = ask("POST", "/v1/prospects", acme.keys["Member"], headers, json=body)
    waits = {"Everlog-Min-Position": done.headers["Everlog-Position"]}
    path = f"/v1/audit?resource={done.json()['id']}"
    [entry] = ask("GET", path, acme.keys["Admin"], waits).json()["items"]
    return entry["circumstances"]["ip"]


def test_the_trail_tells_the_client_s_address_and_not_the_trusted_proxy_s(world, acme):
    with behind(world, **TRUSTED) as ask:
        assert told(ask, acme, {"X-Forwarded-For": "198.51.100.7"}) == "198.51.100.7"
        assert told(ask, acme, {"X-Forwarded-For": "6.6.6.6, 198.51.100.7"}) == "198.51.100.7"
        # The header that this proxy does not write is whatever the client wants it to be.
        assert told(ask, acme, {"X-Forwarded-For": "198.51.100.7", "Forwarded": "for=6.6.6.6"}) == "198.51.100.7"
    with behind(world, **TRUSTED, EVERLOG_PROXY_HEADER="forwarded") as ask:
        named = {"X-Forwarded-For": "6.6.6.6", "Forwarded": 'for="[2001:db8::7]:4711";proto=https'}
        assert told(ask, acme, named) == "2001:db8::7"


def test_nobody_is_believed_who_is_not_trusted(world, acme):
    named = {"X-Forwarded-For": "198.51.100.7", "Forwarded": "for=198.51.100.7"}
    for more in ({}, {"EVERLOG_TRUSTED_PROXIES": "192.0.2.0/24, 2001:db8::/32"}):
        with behind(world, **more) as ask:
            assert told(ask, acme, named) == "127.0.0.1"


def test_a_proxy_before_a_router_is_believed_as_well_and_a_client_there_is_not(world, acme):
    routed = {SECRET.decode(): WORD, "X-Forwarded-For": "198.51.100.7"}
    with behind(world, **TRUSTED, EVERLOG_ROUTER_SECRET=WORD) as ask:
        assert told(ask, acme, {**routed, CLIENT.decode(): "127.0.0.9"}) == "198.51.100.7"
        assert told(ask, acme, {**routed, CLIENT.decode(): "203.0.113.1"}) == "203.0.113.1"


def test_wrong_keys_are_counted_against_the_client_and_not_against_the_trusted_proxy(world, acme, monkeypatch):
    monkeypatch.setattr(world.edge, "_attempts", Quota(2, 3600))
    monkeypatch.setattr(world.edge, "_looks", Quota(1, 3600))
    wrong = acme.keys["Admin"][:-4] + "aaaa"
    with behind(world, **TRUSTED) as ask:

        def status(key, address):
            return ask("GET", "/v1/prospects?limit=1", key, {"X-Forwarded-For": address}).status_code

        assert [status(wrong, "6.6.6.6") for _ in range(5)] == [401, 401, 429, 429, 429]
        assert status(wrong, "198.51.100.7") == 401
        assert status(world.key(acme, "Viewer", "Elsewhere"), "198.51.100.7") == 200
        # The control: from where the guesses came, a key that nobody has seen yet waits.
        assert status(world.key(acme, "Viewer", "Beside"), "6.6.6.6") == 429


LISTS = {
    "": "10.0.0.1",
    "198.51.100.7": "198.51.100.7",
    "198.51.100.7:4711": "198.51.100.7",
    "2001:DB8::7": "2001:db8::7",
    "[2001:db8::7]:4711": "2001:db8::7",
    "::ffff:198.51.100.7": "198.51.100.7",
    "6.6.6.6, 198.51.100.7, 10.0.0.2,10.0.0.3": "198.51.100.7",
    "10.0.0.9, 10.0.0.2": "10.0.0.9",
    "unknown": "10.0.0.1",
    "198.51.100.7, unknown": "10.0.0.1",
    "198.51.100.7, unknown, 10.0.0.2": "10.0.0.2",
    "what is this, 198.51.100.7": "198.51.100.7",
    "198.51.100.7,": "10.0.0.1",
    "198.51.100.256": "10.0.0.1",
    "198.51.100.7.": "10.0.0.1",
    "fe80::1%eth0": "10.0.0.1",
    "198.51.100.7" + ", 10.0.0.2" * 100: "10.0.0.2",
}
ELEMENTS = {
    "for=198.51.100.7": "198.51.100.7",
    "For=198.51.100.7;proto=http; by=10.0.0.2": "198.51.100.7",
    'for="198.51.100.7:4711"': "198.51.100.7",
    'for="[2001:db8::7]"': "2001:db8::7",
    "for=6.6.6.6, for=198.51.100.7, for=10.0.0.2": "198.51.100.7",
    'for="6.6.6.6, for=198.51.100.7': "198.51.100.7",
    r'for=198.51.100.7;host="a\", for=6.6.6.6;host=\"b"': "10.0.0.1",
    "for=_hidden": "10.0.0.1",
    "for=unknown": "10.0.0.1",
    "proto=https": "10.0.0.1",
    "for=6.6.6.6;for=198.51.100.7": "10.0.0.1",
    "198.51.100.7": "10.0.0.1",
    "for=": "10.0.0.1",
}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *(("x-forwarded-for", *each) for each in LISTS.items()),
        *(("forwarded", *each) for each in ELEMENTS.items()),
    ],
)
def test_the_client_is_the_nearest_one_that_is_no_trusted_proxy(name, value, expected):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["client"][0])

    made = Forwarded(app, Proxies("10.0.0.0/24"), name)
    # The header may come in several lines, which are one list.
    headers = [(name.encode(), each.encode()) for each in value.split(",")]
    for peer in ("10.0.0.1", "::ffff:10.0.0.1", "203.0.113.1"):
        asyncio.run(made({"type": "http", "client": (peer, 1), "headers": headers}, None, None))
    assert seen == [expected, "::ffff:10.0.0.1" if expected == "10.0.0.1" else expected, "203.0.113.1"]


@pytest.mark.parametrize("text", ["10.0.0.1/24", "proxy.example", "10.0.0.0/24 10.0.1.0/24", "0.0.0.0/0", "::/0"])
def test_what_is_no_network_of_proxies_is_refused(text):
    with pytest.raises(Unset, match="EVERLOG_TRUSTED_PROXIES"):
        settings.read({"EVERLOG_TRUSTED_PROXIES": text})


def test_a_child_process_trusts_the_same_proxies(monkeypatch):
    monkeypatch.setenv("EVERLOG_TRUSTED_PROXIES", "10.0.0.0/24, 2001:db8::/64")
    child = settings.read(settings.environment(settings.read()))
    assert child.proxies is not None
    assert [child.proxies.trusts(each) for each in ("10.0.0.9", "2001:db8::9", "10.0.1.9")] == [True, True, False]

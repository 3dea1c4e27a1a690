"""The router over real sockets before a real cell: what it passes on, what it says, and what it lets nobody say."""

import asyncio
import json
import socket
import threading
from uuid import uuid4

import httpx2
import pytest
from granian.constants import Interfaces
from granian.server.embed import Server
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from adapters.cells import Cell
from adapters.embedded import ports
from adapters.postgres.standing import standing
from api.cell import Celled
from api.router import Router, run
from api.router.router import cells
from api.settings import Unset
from domain import api_keys
from tenants.residency import Claim
from tests.waiting import until

SECRET = "s" * 32


class Noting:
    """An ASGI application before another that notes who asks what."""

    def __init__(self, application):
        self.application = application
        self.seen = []

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            self.seen.append((scope["path"], scope["client"][0], dict(scope["headers"])))
        if scope["type"] == "websocket":
            await self.echo(receive, send)
            return
        await self.application(scope, receive, send)

    async def echo(self, receive, send):
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "everlog"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})


class House:
    """A cell with the world's tenants in it, an empty one beside it, and a router before both."""

    def __init__(self, world):
        self.world = world
        self.noting, self.empty = Noting(world.app), Noting(self.nothing)
        self.url = {"eu": f"http://127.0.0.1:{ports.choose()}", "us": f"http://127.0.0.1:{ports.choose()}"}
        self.claimed = set()
        """Tenants that the second cell says live there."""
        self.port = 0
        self._up, self._down = threading.Event(), threading.Event()
        self._loop = asyncio.new_event_loop()

    async def here(self, tenant):
        return await standing(self.world.database, tenant)

    async def nowhere(self, tenant):
        return Claim("live", 1, 1) if tenant in self.claimed else None

    async def nothing(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def serve(self):
        made = (("eu", Celled(self.noting, SECRET, self.here)), ("us", Celled(self.empty, SECRET, self.nowhere)))
        servers = [
            Server(app, port=int(self.url[name].rpartition(":")[2]), interface=Interfaces.ASGI, log_enabled=False)
            for name, app in made
        ]
        tasks = [asyncio.create_task(each.serve()) for each in servers]
        router = Router({name: Cell(name, url) for name, url in self.url.items()}, SECRET)
        listening = await asyncio.start_server(router.connected, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]
        self._up.set()
        await asyncio.to_thread(self._down.wait)
        listening.close()
        for each in servers:
            each.stop()
        await asyncio.gather(*tasks)
        await router.close()

    def __enter__(self):
        # The cells' pools belong to the world's loop, where they are served too.
        self._served = asyncio.run_coroutine_threadsafe(self.serve(), self.world._loop)
        assert self._up.wait(30)
        until(lambda: self.ask("GET", "/openapi.json").status_code == 200)
        return self

    def __exit__(self, *_):
        self._down.set()
        self._served.result(60)

    def ask(self, method, path, key="", **named):
        headers = ({"Authorization": f"Bearer {key}"} if key else {}) | named.pop("headers", {})
        return httpx2.request(method, f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=60, **named)


@pytest.fixture(scope="module")
def house(world):
    with House(world) as made:
        yield made


def test_what_is_asked_through_it_is_answered_by_the_tenants_cell(house, acme):
    key = acme.keys["Admin"]
    body = {"name": "Ada", "email": f"{uuid4()}@example.org"}
    made = house.ask("POST", "/v1/prospects", key, json=body)
    assert made.status_code == 201
    waits = {"Everlog-Min-Position": made.headers["Everlog-Position"]}
    found = house.ask("GET", f"/v1/prospects/{made.json()['id']}", key, headers=waits)
    assert found.json()["name"] == "Ada"
    assert found.headers["ETag"]
    head = house.ask("HEAD", f"/v1/prospects/{made.json()['id']}", key)
    assert (head.status_code, head.content) == (200, b"")
    refused = house.ask("GET", "/v1/prospects", acme.keys["Auditor"])
    assert refused.json()["code"] == "access.denied"


def test_a_connection_serves_many_requests(house, acme):
    with httpx2.Client(base_url=f"http://127.0.0.1:{house.port}") as client:
        bearer = {"Authorization": f"Bearer {acme.keys['Admin']}"}
        assert {client.get("/v1/prospects?limit=1", headers=bearer).status_code for _ in range(20)} == {200}


def test_large_and_chunked_bodies_pass_both_ways(house, acme):
    commands = [
        {"command": "prospects.capture", "name": "Ada", "email": f"{uuid4()}@example.org", "industry": "x" * 100}
        for _ in range(700)
    ]
    raw = json.dumps({"commands": commands}).encode()
    parts = (raw[at : at + 4096] for at in range(0, len(raw), 4096))
    done = house.ask(
        "POST", "/v1/commands", acme.keys["Admin"], content=parts, headers={"Content-Type": "application/json"}
    )
    assert [each["status"] for each in done.json()["results"]] == [201] * 700
    taken = house.ask("GET", "/v1/audit/export", acme.keys["Admin"])
    assert len(taken.text.splitlines()) > 700


def test_nothing_of_a_tenant_reaches_another_cell(house, acme):
    house.empty.seen.clear()
    house.ask("GET", "/v1/prospects", acme.keys["Admin"])
    assert house.empty.seen == []


def test_a_tenant_of_no_cell_is_told_what_a_wrong_key_is(house):
    key = api_keys.write(uuid4(), uuid4(), b"x" * 32)
    answer = house.ask("GET", "/v1/prospects", key)
    assert (answer.status_code, answer.json()["code"]) == (401, "auth.invalid")
    assert house.ask("GET", "/v1/prospects", "nonsense").json()["code"] == "auth.invalid"
    assert house.ask("GET", "/v1/prospects").json()["code"] == "auth.missing"


def test_the_cell_is_told_who_asked_and_by_the_router_alone(house, acme):
    house.noting.seen.clear()
    forged = {"Everlog-Router": SECRET, "Everlog-Client": "203.0.113.9", "Connection": "authorization"}
    assert house.ask("GET", "/v1/prospects", acme.keys["Admin"], headers=forged).status_code == 200
    [(_, client, headers)] = house.noting.seen
    assert client == "127.0.0.1"
    assert not any(name.startswith(b"everlog-") for name in headers)


def test_without_the_secret_a_cell_tells_nothing_and_believes_nothing(house, acme):
    house.noting.seen.clear()
    url = f"{house.url['eu']}/cell/tenants/{acme.id}"
    claimed = {"Everlog-Router": "t" * 32, "Everlog-Client": "203.0.113.9"}
    for headers in ({}, claimed):
        assert httpx2.get(url, headers=headers, timeout=60).status_code == 404
    assert {client for _, client, _ in house.noting.seen} == {"127.0.0.1"}
    known = httpx2.get(url, headers={"Everlog-Router": SECRET}, timeout=60)
    assert known.json()["standing"] == "live"
    believed = {"Everlog-Router": SECRET, "Everlog-Client": "203.0.113.9"}
    httpx2.get(f"{house.url['eu']}/healthz", headers=believed, timeout=60)
    assert house.noting.seen[-1][1] == "203.0.113.9"


def test_a_websocket_goes_through_both_ways(house, acme):
    protocols = [Subprotocol("everlog"), Subprotocol(f"everlog.bearer.{acme.keys['Admin']}")]
    with connect(f"ws://127.0.0.1:{house.port}/echo", subprotocols=protocols, open_timeout=60) as connection:
        for text in ("a", "b" * 100_000, "c"):
            connection.send(text)
            assert connection.recv(timeout=60) == text


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100_000,
    ],
)
def test_what_is_no_http_is_told_so_and_reaches_nobody(house, raw):
    house.noting.seen.clear()
    with socket.create_connection(("127.0.0.1", house.port), 60) as connection:
        connection.sendall(raw)
        connection.settimeout(60)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert b"HTTP/1.1 400" in answer
    assert house.noting.seen == []


def test_once_two_cells_claim_a_tenant_nobody_is_answered_by_what_was_known_before(house, other):
    def asked():
        return house.ask("GET", "/v1/prospects", other.keys["Admin"]).status_code

    assert asked() == 200
    house.claimed.add(other.id)
    try:
        until(lambda: asked() == 503)
        assert {asked() for _ in range(10)} == {503}
    finally:
        house.claimed.clear()
    until(lambda: asked() == 200)


def test_it_says_itself_that_it_is_alive(house):
    house.noting.seen.clear()
    assert house.ask("GET", "/healthz").json() == {"status": "alive"}
    assert house.noting.seen == []


@pytest.mark.parametrize(
    "text", ["eu", "eu=", "eu=ftp://a", "EU=http://a", "eu=http://a", "us=http://a:99999", "=http://a"]
)
def test_what_names_no_cell_is_refused(text):
    with pytest.raises(Unset, match="is no cell"):
        cells(["eu=http://b", text])


def test_a_cell_that_is_away_is_told_so(acme):
    async def asked():
        router = Router({"eu": Cell("eu", f"http://127.0.0.1:{ports.choose()}")}, SECRET)
        server = await asyncio.start_server(router.connected, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/prospects"
        async with httpx2.AsyncClient() as client:
            answer = await client.get(url, headers={"Authorization": f"Bearer {acme.keys['Admin']}"}, timeout=60)
        server.close()
        await router.close()
        return answer

    answer = asyncio.run(asked())
    assert (answer.status_code, answer.json()["code"]) == (503, "cells.away")
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"secret": "missing"}, "cannot be read"),
        ({"secret": "short"}, "at least 32 printable"),
        ({"listen": "127.0.0.1:99999"}, "up to 65535"),
        ({"listen": "nowhere"}, "HOST:PORT"),
        ({"listen": "taken"}, "choose another --listen"),
        ({"authority": "short"}, "cannot be read as PEM"),
        ({"authority": "missing"}, "cannot be read as PEM"),
    ],
    ids=str,
)
def test_what_cannot_be_worked_with_is_told_and_nothing_is_served(tmp_path, given, told):
    (tmp_path / "good").write_text("s" * 32)
    (tmp_path / "short").write_text("short")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = given.get("listen", "127.0.0.1:0").replace("taken", f"127.0.0.1:{taken.getsockname()[1]}")
        authority = tmp_path / given["authority"] if "authority" in given else None
        with pytest.raises(Unset, match=told):
            run(["eu=http://127.0.0.1:9"], tmp_path / given.get("secret", "good"), listen, authority)

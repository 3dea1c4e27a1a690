"""The stream over the real log, beside the read API: the same marks, the same document."""

from uuid import UUID, uuid4

import httpx2
import pytest
from msgspec import json

from adapters.nats.wake import Wakes
from api.app import create_app
from api.stream import PATHS, Streams, Tails, handlers

ERASE = "update everlog.subject_keys set wrapped = null, erased_at = now() where tenant_id = %s and subject = %s"


@pytest.fixture(scope="module")
def app(world):
    tails = Tails(world.logs, Wakes())
    streams = Streams(world.edge, world.access, world.keyring, tails)
    return create_app(world.edge, streams=handlers(streams), paths=PATHS)


@pytest.fixture
def ask(world, app):
    def send(method, path, key, **named):
        async def sent():
            transport = httpx2.ASGITransport(app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://x", timeout=60) as client:
                return await client.request(method, path, headers={"Authorization": f"Bearer {key}"}, **named)

        return world.run(sent())

    return send


def facts(answer):
    lines = (line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith('data: {"id"'))
    return [json.decode(line) for line in lines]


def test_what_the_stream_shows_of_a_person_is_what_a_read_shows(world, acme, ask):
    body = {"name": "Ada", "email": f"{uuid4()}@example.org", "attributes": {"size": 2.0}}
    made = world.ask("POST", "/v1/prospects", acme.keys["Member"], json=body)
    position, id = made.headers["Everlog-Position"], made.json()["id"]
    for role in ("Member", "Viewer"):
        key, wait = acme.keys[role], {"Everlog-Min-Position": position}
        row = world.ask("GET", f"/v1/prospects/{id}", key, headers=wait).json()
        answer = ask("GET", f"/v1/events/stream?after=1:0&follow=false&resource=prospects/{id}", key)
        [fact] = facts(answer)
        assert {name: row[name] for name in fact["data"]} == fact["data"]
        assert fact["withheld"] == row["withheld"]
        assert fact["id"] == position
        assert (role == "Member") == (fact["data"]["name"] == "Ada")


def test_an_erased_person_is_null_and_named(world, ask):
    tenant = world.tenant()
    made = world.ask("POST", "/v1/prospects", tenant.keys["Member"], json={"name": "Bob", "email": "b@example.org"})
    id = UUID(made.json()["id"])
    world.database.query(tenant.id, ERASE, [tenant.id, id])
    world.logs.rings.of(tenant.id).forget([id])
    [fact] = facts(ask("GET", "/v1/events/stream?after=1:0&follow=false&capabilities=prospects", tenant.keys["Admin"]))
    assert (fact["data"]["name"], fact["erased"]) == (None, ["attributes", "email", "name"])


def test_another_tenants_resource_is_as_if_it_were_not(world, acme, other, ask):
    made = world.ask("POST", "/v1/prospects", acme.keys["Member"], json={"name": "A", "email": f"{uuid4()}@x.org"})
    path = f"/v1/events/stream?after=1:0&follow=false&resource=prospects/{made.json()['id']}"
    assert facts(ask("GET", path, other.keys["Admin"])) == []


def test_nothing_sealed_leaves_the_house(world, acme, ask):
    answer = ask("GET", "/v1/events/stream?after=1:0&follow=false", acme.keys["Viewer"])
    assert facts(answer)
    assert not any(word in answer.text for word in ("box", "sealed", "binding", "hash"))


def test_the_document_tells_of_the_stream(ask, acme):
    document = ask("GET", "/openapi.json", acme.keys["Viewer"]).json()
    operation = document["paths"]["/v1/events/stream"]["get"]
    names = [each["name"] for each in operation["parameters"]]
    assert names == ["after", "types", "capabilities", "resource", "follow", "Last-Event-ID"]
    assert operation["x-permission"] == "events.read"

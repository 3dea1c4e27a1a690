"""The way past the framework answers as the framework does; whatever is unusual is left to it."""

import msgspec
import pytest

from tests.api.test_prospects import person, seen

SAME = ("content-type", "etag", "vary", "cache-control", "x-content-type-options", "allow")


async def asked(app, method, path, headers, body=b"", query=b""):
    """What an ASGI application answers: status, those headers that are the same each time, and the body."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "method": method,
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "extensions": {},
        "state": {},
    }
    await app(scope, receive, send)
    start, *rest = sent
    names = [name for name, _ in start["headers"]]
    assert len(names) == len(set(names))
    known = {name.decode(): value.decode() for name, value in start["headers"]}
    whole = b"".join(each.get("body", b"") for each in rest)
    if method != "HEAD" and start["status"] not in (204, 304):
        assert known["content-length"] == str(len(whole))
    # What counts down, and what names the request, differs from one to the next.
    document = msgspec.json.decode(whole) if whole else {}
    document.pop("instance", None)
    return start["status"], {name: known.get(name) for name in SAME}, document


@pytest.fixture(scope="module")
def prospect(world, acme):
    done = world.ask("POST", "/v1/prospects", acme.keys["Admin"], json=person())
    seen(lambda *given, **named: world.ask(*given, acme.keys["Admin"], **named), done)
    return done.json()["id"]


@pytest.fixture
def both(world):
    def both(method, path, headers, **named):
        headers = {"host": "localhost", **headers}
        return [world.run(asked(app, method, path, headers, **named)) for app in (world.app, world.app.litestar)]

    return both


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/v1/prospects", "/v1/prospects/{id}", "/v1/prospects/{ID}", "/v1/prospects/{id}/"])
@pytest.mark.parametrize("role", ["Admin", "Viewer", "Auditor", None])
def test_both_ways_answer_the_same(acme, both, prospect, method, path, role):
    headers = {"authorization": f"Bearer {acme.keys[role]}"} if role else {}
    direct, framed = both(method, path.format(id=prospect, ID=prospect.upper()), headers)
    assert direct == framed


@pytest.mark.parametrize(
    ("headers", "body", "query"),
    [
        ({}, b"{}", b""),
        ({"content-type": "application/json"}, b"{}", b""),
        ({"content-type": "application/json"}, b"{", b""),
        ({"content-type": "application/json; charset=utf-8"}, b"[1]", b"x=1"),
        ({"content-type": "text/plain"}, b"{}", b""),
        ({"content-type": "application/json"}, b" " * 300_000, b""),
        ({"content-type": "application/json", "content-length": "300000"}, b"{}", b""),
        ({"content-type": "application/json", "idempotency-key": "not printable \x7f"}, b"{}", b""),
        ({"host": "bad host/"}, b"{}", b""),
    ],
)
def test_what_is_wrong_with_a_command_is_told_the_same(acme, both, prospect, headers, body, query):
    known = {"authorization": f"Bearer {acme.keys['Admin']}", **headers}
    direct, framed = both("POST", f"/v1/prospects/{prospect}/notes", known, body=body, query=query)
    assert direct == framed
    assert direct[0] >= 400


def test_the_usual_request_does_not_reach_the_framework(world, acme, prospect, monkeypatch):
    async def closed(*_):
        raise AssertionError

    monkeypatch.setattr(world.app, "litestar", closed)
    headers = {"host": "localhost", "authorization": f"Bearer {acme.keys['Admin']}"}
    assert world.run(asked(world.app, "GET", f"/v1/prospects/{prospect}", headers))[0] == 200
    with pytest.raises(AssertionError):
        world.run(asked(world.app, "GET", f"/v1/prospects/{prospect}/", headers))

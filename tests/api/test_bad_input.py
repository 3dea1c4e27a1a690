"""Whatever is sent, the answer is a clear problem, and never a fault of the server."""

import http.client
import json
import socket
from contextlib import suppress
from uuid import uuid4

import pytest

from api.problems import PROBLEMS

JSON = {"Content-Type": "application/json"}

SOMEBODY = "7f9c0a52-0000-4000-8000-000000000001"
"""Always the same, so that a test has the same name in each process that collects it."""


@pytest.fixture
def ask(world, acme):
    def ask(method, path, role="Admin", **named):
        return world.ask(method, path, acme.keys[role], **named)

    return ask


def problem(answer):
    told = answer.json()
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert told["status"] == answer.status_code == PROBLEMS[told["code"]].status
    assert told.keys() >= {"type", "title", "status", "code", "detail", "instance"}
    return told["code"]


def person(**more):
    return {"name": "Ada", "email": f"{uuid4()}@example.org", **more}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "request.malformed"),
        (b"{", "request.malformed"),
        (b"null", "request.invalid"),
        (b"[]", "request.invalid"),
        (b'{"name": "\xff"}', "request.malformed"),
        (b'{"name": "\\ud800", "email": "a@example.org"}', "request.malformed"),
        (b'{"name": "A", "email": "a@example.org", "attributes": {"a": NaN}}', "request.malformed"),
        (b'{"name": "A", "email": "a@example.org", "attributes": {"a": Infinity}}', "request.malformed"),
        (b'{"name": "A", "email": "a@example.org", "attributes": {"a": 1e999}}', "request.invalid"),
        (b'{"name": "A", "email": "a@example.org", "attributes": {"a": 1e999}', "request.malformed"),
        (b"[" * 100_000, "request.invalid"),
        (b'{"name": ' + b"[" * 100_000, "request.invalid"),
        (b'{"x": ' * 40_000, "request.invalid"),
        (b'{"name": "' + b"x" * 10_000_000 + b'"}', "request.too-large"),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else value,
)
def test_a_body_that_is_wrong(ask, body, code):
    found = problem(ask("POST", "/v1/prospects", content=body, headers=JSON))
    assert found == code or {found, code} == {"request.malformed", "request.invalid"}


def test_depth_is_bounded_where_anything_may_stand(ask):
    deep = b'{"commands": [' + b'{"command": ' * 50_000
    assert problem(ask("POST", "/v1/commands", content=deep, headers=JSON)).startswith("request.")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"nme": "x"}, "nme"),
        ({"name": 7}, "name"),
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b\x00c"}, "email"),
        ({"industry": "a\x00b"}, "industry"),
        ({"attributes": {"a": "1"}}, "attributes"),
        ({"attributes": {str(n): 1 for n in range(201)}}, "attributes"),
        ({"id": "7"}, "id"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": "2026-01-01T00:00:00"}, "occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at"),
        ({"occurred_at": "9999-12-31T23:59:59-14:00"}, ""),
    ],
    ids=str,
)
def test_a_field_that_is_wrong_is_named(ask, change, word):
    answer = ask("POST", "/v1/prospects", json=person(**change))
    assert problem(answer) == "request.invalid"
    assert word in answer.json()["detail"]


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_a_body_that_is_not_announced_as_json(ask, media):
    content = json.dumps(person()).encode()
    assert (
        problem(ask("POST", "/v1/prospects", content=content, headers={"Content-Type": media})) == "request.media-type"
    )


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "limit=x", "limit=", "limit=1&limit=2", "limit=1e3", "page=2", "stage=a%00b",
        "stage=%ff", "signals_least=99999999999999999999", "captured_since=now", "captured_since=0.5",
        "captured_since=2026-01-01",
        "captured_since=0001-01-01T00:00:00Z", "&".join(f"a{n}=1" for n in range(200)), "email=ada@example.org",
    ],
)  # fmt: skip
def test_a_parameter_that_is_wrong(ask, query):
    assert problem(ask("GET", f"/v1/prospects?{query}")) == "request.invalid"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("sort=name", "query.personal-field"),
        ("sort=-email", "query.personal-field"),
        ("sort=stage", "query.not-sortable"),
        ("sort=nothing", "query.unknown-field"),
        ("fields=id,nothing", "query.unknown-field"),
        ("cursor=abc", "query.cursor"),
        ("cursor=" + "A" * 1000, "query.cursor"),
    ],
)
def test_a_query_that_cannot_be_asked(ask, query, code):
    assert problem(ask("GET", f"/v1/prospects?{query}")) == code


@pytest.mark.parametrize(
    "headers",
    [
        {"If-Match": "1"}, {"If-Match": '"1"'}, {"If-Match": '"1:1", "1:2"'}, {"If-Match": 'W/"1:1"'},
        {"Idempotency-Key": ""}, {"Idempotency-Key": "x" * 201}, {"Idempotency-Key": "a b"},
        {"Everlog-Reason": "x" * 501}, {"Everlog-Reason": b"\x84"},
        {"Everlog-Session": "x" * 101}, {"Everlog-Session": "a b"},
        {"Everlog-On-Behalf-Of": "Ada Lovelace"}, {"Everlog-On-Behalf-Of": "ada@example.org"},
        {"Everlog-On-Behalf-Of": SOMEBODY}, {"Everlog-On-Behalf-Of": "user:1"},
        {"Everlog-On-Behalf-Of": f"operator:{SOMEBODY}"}, {"Everlog-On-Behalf-Of": f"system:{SOMEBODY}"},
        {"Everlog-On-Behalf-Of": f"user:{SOMEBODY}, user:{SOMEBODY}"},
    ],
    ids=str,
)  # fmt: skip
def test_a_header_that_is_wrong(ask, headers):
    assert (
        problem(ask("POST", f"/v1/prospects/{uuid4()}/stage", json={"stage": "met"}, headers=headers))
        == "request.header"
    )


@pytest.mark.parametrize("position", ["x", "-1", "1:", ":1", "1:1:1", "9" * 30])
def test_a_position_that_is_none(ask, position):
    assert problem(ask("GET", "/v1/prospects", headers={"Everlog-Min-Position": position})) == "request.header"


@pytest.mark.parametrize("position", ["999999999", "1:999999999", "2:1"])
def test_a_position_that_the_log_has_not_is_not_waited_for(ask, position):
    assert problem(ask("GET", "/v1/prospects", headers={"Everlog-Min-Position": position})) == "query.position"


def test_views_that_do_not_catch_up_are_said_to_be_behind(world, monkeypatch):
    monkeypatch.setattr("application.pipeline.WAIT", 0.1)
    tenant = world.tenant(kept=False)
    answer = world.ask("GET", "/v1/prospects", tenant.keys["Admin"], headers={"Everlog-Min-Position": "1:1"})
    assert problem(answer) == "views.behind"
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/", "route.unknown"),
        ("GET", "/v1", "route.unknown"),
        ("GET", "/v1/nothing", "route.unknown"),
        ("GET", "/v1/prospects/not-a-uuid", "route.unknown"),
        ("GET", "/v1/audit/first", "route.unknown"),
        ("GET", "/v1/audit/99999999999999999999999", "audit.unknown"),
        ("GET", "/v1/audit/-1", "audit.unknown"),
        ("GET", "/v1/audit/0", "audit.unknown"),
        ("GET", "/v1/models/none", "predictions.model-unknown"),
        ("GET", "/v1/models/%00", "predictions.model-unknown"),
        ("GET", f"/v1/predictions/{SOMEBODY}", "predictions.unknown"),
        ("GET", f"/v1/prospects/{SOMEBODY}", "prospects.unknown"),
        ("DELETE", "/v1/prospects", "request.method"),
        ("PUT", f"/v1/prospects/{SOMEBODY}", "request.method"),
        ("PATCH", "/healthz", "request.method"),
    ],
)
def test_a_path_or_method_that_is_none(ask, method, path, code):
    answer = ask(method, path)
    assert problem(answer) == code
    assert code != "request.method" or "GET" in answer.headers["Allow"] or "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("count", [0, 1001])
def test_a_bulk_of_the_wrong_size(ask, count):
    commands = [{"command": "prospects.note", "id": str(uuid4()), "text": "x"}] * count
    assert problem(ask("POST", "/v1/commands", json={"commands": commands})) == "request.invalid"


@pytest.mark.parametrize(
    "wrong",
    [
        None, 7, "x", [], {}, {"command": "prospects.capture"}, {"command": "nothing"}, {"command": ["prospects.win"]},
        {"command": "prospects.win", "id": "x", "value": 1, "currency": "EUR"},
        {"command": "prospects.win", "id": SOMEBODY, "value": 1.5, "currency": "EUR"},
        {"command": "prospects.win", "id": SOMEBODY, "value": 2**70, "currency": "EUR"},
        {"command": "prospects.note", "id": SOMEBODY, "text": "x", "key": ""},
        {"command": "prospects.note", "id": SOMEBODY, "text": "x", "version": -1},
        {"command": "prospects.note", "id": SOMEBODY, "text": "x", "extra": 1},
    ],
    ids=str,
)  # fmt: skip
def test_one_wrong_command_keeps_no_other_from_being_done(ask, wrong):
    commands = [{"command": "prospects.capture", **person()}, wrong, {"command": "prospects.capture", **person()}]
    results = ask("POST", "/v1/commands", json={"commands": commands}).json()["results"]
    assert [each["status"] for each in results] == [201, 422, 201]
    assert results[1]["problem"]["code"] == "request.invalid"


def test_many_headers(world, acme):
    """The HTTP server answers before Everlog does; a hundred reach Everlog's own limit."""
    for count, statuses in ((10_000, {400, 431}), (150, {400, 431}), (20, {200})):
        connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=30)
        connection.putrequest("GET", "/v1/prospects?limit=1")
        connection.putheader("Authorization", f"Bearer {acme.keys['Admin']}")
        for number in range(count):
            connection.putheader(f"X-{number}", "x")
        try:
            connection.endheaders()
            assert connection.getresponse().status in statuses
        except (BrokenPipeError, ConnectionResetError):
            # It hung up on somebody who would not stop talking.
            assert count > 1000
        finally:
            connection.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /v1/prospects HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"POST /v1/prospects HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/prospects HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/prospects HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\nConnection: close\r\n\r\n",
        b"GET /v1/prospects?stage=\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
    ids=lambda raw: raw[:30],
)
def test_what_is_hardly_http(world, raw):
    with socket.create_connection(("127.0.0.1", world.port), timeout=10) as connection:
        answer = b""
        # The server may have answered and hung up before all of it was sent.
        with suppress(OSError):
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            answer = connection.recv(65536)
    assert not answer or answer.split()[1].startswith(b"4")
    assert world.ask("GET", "/healthz").status_code == 200


def test_an_authorization_that_is_no_text_of_ours(world):
    for text in ("everlog_" * 1000, "a" * 50_000, "everlog_%00_x_y"):
        answer = world.ask("GET", "/v1/prospects", text)
        assert answer.status_code in {401, 431}


def test_nothing_of_the_inside_is_told(world, ask, monkeypatch):
    async def broken(*_):
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(world.pipeline, "ask", broken)
    answer = ask("GET", "/v1/prospects")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "hunter2" not in answer.text


def test_a_database_that_is_away_is_said_to_be_away(world, ask, monkeypatch):
    class Away(Exception):
        pass

    async def away(*_):
        raise Away

    monkeypatch.setattr(world.edge, "_troubles", {"service.unavailable": (Away,)})
    monkeypatch.setattr(world.pipeline, "ask", away)
    answer = ask("GET", "/v1/prospects")
    assert (problem(answer), answer.headers["Retry-After"]) == ("service.unavailable", "5")

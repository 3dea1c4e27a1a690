"""Whatever a request holds, a running product's log has one line of JSON for it, and none that somebody else wrote."""

import json
import socket
from contextlib import closing, suppress
from urllib.parse import quote

import httpx2

from tests.waiting import until

FORGED = '\n{"event": "forged", "level": "info"}\r\n\u2028\x85\x1b[2J{"event": "forged"}'


def sent(house, raw):
    """What a server answers to these very bytes, which no client library would send."""
    with closing(socket.create_connection(("127.0.0.1", house.port), 30)) as connection:
        # The server hangs up on what is no HTTP.
        with suppress(OSError):
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(65536)
        return b""


def test_no_line_of_the_log_is_forged(house, acme):
    http = httpx2.Client(base_url=house.url, headers={"Authorization": f"Bearer {acme.key}"}, timeout=60)
    before = len(house.told())
    person = {"name": FORGED, "email": FORGED, "industry": FORGED}
    for path in (f"/v1/{quote(FORGED)}", f"/v1/prospects?industry={quote(FORGED)}", f"/v1/audit?trace={quote(FORGED)}"):
        http.get(path)
    http.post("/v1/prospects", json=person)
    http.post(f"/v1/{quote(FORGED)}", json=person)
    for name in ("Authorization", "Idempotency-Key", "If-Match", "traceparent", "Everlog-Reason", "User-Agent", "Host"):
        raw = f"GET /v1/prospects HTTP/1.1\r\nHost: a\r\n{name}: x{FORGED}\r\n\r\n"
        sent(house, raw.encode())
    sent(house, f"GET{FORGED} /v1/prospects HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    http.get("/v1/last")
    http.close()
    until(lambda: house.told()[before:].count('"event":"request"') >= 6)
    written = house.told()[before:].splitlines()
    lines = [json.loads(line) for line in written]
    assert "forged" not in json.dumps(lines)

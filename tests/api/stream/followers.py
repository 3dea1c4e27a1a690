"""Clients of the stream, as their users would write them: each yields messages as dictionaries."""

from contextlib import closing
from urllib.parse import urlencode

import httpx2
from msgspec import json
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

KINDS = ("sse", "websocket")


class Refusal(Exception):
    def __init__(self, status, problem):
        super().__init__(status)
        self.status = status
        self.problem = problem


def follow(kind, house, key, **parameters):
    """Every message until the server ends the stream; the generator is closed to hang up."""
    return closing((_sse if kind == "sse" else _websocket)(house, key, parameters))


def facts(messages, count):
    """The next so many facts."""
    found = []
    for message in messages:
        if message["kind"] == "fact":
            found.append(message)
        if len(found) == count:
            return found
    return found


def _sse(house, key, parameters):
    headers = parameters.pop("told", {}) | ({"Authorization": f"Bearer {key}"} if key else {})
    if last := parameters.pop("last_event_id", None):
        headers["Last-Event-ID"] = last
    url = f"http://127.0.0.1:{house.port}/v1/events/stream?{urlencode(parameters)}"
    with httpx2.Client(timeout=30) as client, client.stream("GET", url, headers=headers) as response:
        if response.status_code != 200:
            raise Refusal(response.status_code, json.decode(response.read()))
        assert response.headers["content-type"].startswith("text/event-stream")
        yield from _messages(response.iter_lines())


def _messages(lines):
    """The standard's way of reading: fields up to an empty line; an id alone is no message, here it is shown."""
    fields = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
            continue
        kind = fields.get("event", "fact")
        if "data" in fields:
            data = json.decode(fields["data"])
            assert kind == "end" or fields["id"] == data["id"]
            yield {"kind": kind, **data}
        elif "id" in fields:
            yield {"kind": "position", "id": fields["id"]}
        fields = {}


def _websocket(house, key, parameters):
    parameters.pop("last_event_id", None)
    headers = parameters.pop("told", {}) | ({"Authorization": f"Bearer {key}"} if key else {})
    url = f"ws://127.0.0.1:{house.port}/v1/events/live?{urlencode(parameters)}"
    with connect(url, additional_headers=headers, max_size=2**24) as socket:
        while True:
            try:
                message = json.decode(socket.recv(timeout=30))
            except ConnectionClosed:
                return
            if message["kind"] == "refused":
                raise Refusal(message["problem"]["status"], message["problem"])
            yield message

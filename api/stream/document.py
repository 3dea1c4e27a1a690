"""What the OpenAPI document says of the live stream; of the WebSocket it can only tell in words."""

from typing import Any, Final

import msgspec

from api.problems import MEDIA
from api.stream.parameters import PARAMETERS, SSE
from projections.stream import Follow

DESCRIPTION = """Facts in the order in which they were recorded, as server-sent events: each message's `id` is a place
to resume from, sent back as `Last-Event-ID` (browsers do) or as `after`. Nothing is left out and nothing repeated in
between. Facts of capabilities that the caller may not read are not sent; what is about a person is null and listed in
`withheld` for callers without `prospects.read-personal`. An `id` without data moves the place on, a comment is a sign
of life. `event: reset` says that the log was restored without the place the client stood at: forget everything, it
starts from the beginning. `event: end` with a `code` is the last message; a revoked key ends its streams within two
seconds. Each person who is told of is on record in the trail before the message is sent (`audit.read`), under the
session that `Everlog-Session` names or else one of the connection, and for whom `Everlog-On-Behalf-Of` names; a
reader's filter is always withheld here.

The same over a WebSocket: `/v1/events/live` takes the same parameters and sends one JSON object a message, whose `kind`
is `fact` (with the fields of a fact), `position`, `reset`, `end` or `refused` (with a `problem`; the connection is then
closed with 4000 and the problem's status). Browsers, which cannot set headers there, offer the protocols `everlog` and
`everlog.bearer.<API key>`.

Needs `events.read`."""
PROBLEMS: Final = {
    "401": "No key, or none that is known.",
    "403": "The key may not follow the stream.",
    "422": "A parameter is wrong.",
    "429": "Too many requests, or too many open streams.",
    "431": "Too many headers.",
    "503": "Try again later.",
}


def _parameters() -> list[dict[str, Any]]:
    schema = msgspec.json.schema(PARAMETERS)
    fields = schema["$defs"][schema["$ref"].rpartition("/")[2]]["properties"]
    form = {"in": "query", "required": False, "explode": False, "style": "form"}
    return [{"name": name, **form, "schema": fields[name]} for name in PARAMETERS.__struct_fields__] + [
        {
            "name": "Last-Event-ID",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": "The `id` of the last message received; `after` goes before it.",
        }
    ]


PATHS: Final[dict[str, Any]] = {
    SSE: {
        "get": {
            "operationId": "followEvents",
            "tags": ["events"],
            "summary": "Follow facts as they happen",
            "description": DESCRIPTION,
            "x-permission": Follow.permission,
            "security": [{"key": []}],
            "parameters": _parameters(),
            "responses": {
                "200": {
                    "description": "Messages, without an end unless `follow` is false.",
                    "content": {"text/event-stream": {"schema": {"type": "string"}}},
                },
                **{
                    status: {
                        "description": words,
                        "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Details"}}},
                    }
                    for status, words in PROBLEMS.items()
                },
            },
        }
    }
}
"""For `create_app(paths=…)`."""

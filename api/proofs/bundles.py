"""Bundles over HTTP: events with their proofs, streamed as they are read, and recorded like every other export."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from api import shapes
from api.call import Call
from api.edge import Edge
from api.exports.leaving import Leaving, Part
from api.inbound import Reply
from api.problems import Problem
from api.route import Route
from domain.exports import Begun
from projections.proofs.asked import Bundled
from projections.proofs.chosen import Choice
from projections.proofs.note import generation

MANY = 64
"""Lines that are sent together."""
MEDIA = "application/x-ndjson"
_PERSONAL = ("subject",)
_PLAIN = shapes.parameters(Bundled, "BundleQuery", _PERSONAL)
_WHOLE = shapes.parameters(Bundled, "BundleSearch")
_read = shapes.decoder(_WHOLE)
_EVERYTHING = Choice()


class Head(Struct):
    """Of a bundle's first line."""

    checkpoint: str
    first: int
    last: int


def begun(choice: Choice, head: bytes) -> Begun:
    """What is recorded before a bundle with this first line leaves."""
    known = msgspec.json.decode(head, type=Head)
    values = ((name, getattr(choice, name), getattr(_EVERYTHING, name)) for name in choice.__struct_fields__)
    asked = {name: _text(value) for name, value, default in values if value and value != default}
    place = generation(known.checkpoint), known.last
    return Begun("ndjson", tuple(sorted(asked.items())), *place, circumstances=False, bundle=True)


async def parts(head: bytes, lines: Iterator[bytes], choice: Choice) -> AsyncGenerator[Part]:
    """The first line and the others, `MANY` at a time."""
    known = msgspec.json.decode(head, type=Head)
    first, last = (min(choice.positions), max(choice.positions)) if choice.positions else (known.first, known.last)
    yield Part(head, 0, first, last)
    while chunk := await asyncio.to_thread(lambda: list(islice(lines, MANY))):
        yield Part(b"".join(chunk), sum(each.startswith(b'{"position"') for each in chunk))


async def bundle(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Bundled)
    return await _sent(edge, call, shapes.from_url(call.query, _PLAIN))


async def find(edge: Edge, call: Call) -> Reply:
    await edge.pipeline.authorise(call.caller, Bundled)
    return await _sent(edge, call, _read(call.body))


async def _sent(edge: Edge, call: Call, asked: Struct) -> Reply:
    choice = _choice(shapes.given(asked))
    if choice.contradiction:
        raise Problem("request.invalid", choice.contradiction)
    lines = edge.proofs.bundle(call.caller.tenant, choice)
    head = await asyncio.to_thread(next, lines)
    leaving = Leaving(edge.pipeline, call.caller, begun(choice, head))
    await leaving.begin()
    headers = [
        ("Everlog-Export", str(leaving.id)),
        ("Content-Disposition", f'attachment; filename="everlog-bundle-{leaving.id}.jsonl"'),
    ]
    return Reply(b"", headers=headers, media=MEDIA, stream=lambda put: leaving.send(put, parts(head, lines, choice)))


def _choice(given: dict[str, Any]) -> Choice:
    people = given.pop("subject", ())
    given["permission"] = given.pop("asked_permission", ())
    return Choice(**given, subjects=[str(each) for each in people])


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


_SHARED: dict[str, Any] = {
    "tag": "proofs",
    "permission": Bundled.permission,
    "media": MEDIA,
    "problems": ("proofs.unsealed", "proofs.uncosigned", "contended"),
    "returns": ("Everlog-Export",),
}
ROUTES = (
    Route(
        method="GET",
        path="/v1/proofs/bundle",
        operation="getBundle",
        summary="Take events away with their proofs",
        description=(
            "A file that `clients/verifier/everlog_verify.py` checks with Python alone: nothing in its span that "
            "matches was left out, and of what does not match no more is shown than that. Lists are divided by commas; "
            "any value of one filter is enough, all filters must match. The log records who took what away; the "
            "header `Everlog-Export` names the export, whose manifest tells the file's SHA-256."
        ),
        parameters=_PLAIN,
        serve=bundle,
        **_SHARED,
    ),
    Route(
        method="POST",
        path="/v1/proofs/bundle/find",
        operation="findBundle",
        summary="Take events away with their proofs, also those about a person",
        description="By `subject` too, which is sent in the body, since a URL ends up in logs.",
        body=_WHOLE,
        serve=find,
        **_SHARED,
    ),
)

"""Where the relay stands with a tenant: found by comparing the stream's last message with the log."""

import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from typing import Any
from uuid import UUID

from msgspec import Struct
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from adapters.nats import message, streams, subjects
from adapters.nats.message import Event, Source

_parser = BytesParser()


class Forked(Exception):
    """The stream holds an event that the log does not, of the same generation: somebody must look.

    A log that lost its tail has to be given a new generation before it is written to again; where the log is right as
    it is, purge the tenant's subjects from the stream.
    """


class Course(Struct):
    """`sequence` is that of the tenant's last message in the stream, 0 where there is none."""

    sequence: int
    position: int


class Last(Struct, frozen=True):
    sequence: int
    generation: int
    position: int
    digest: str


async def last(client: Client, tenant: UUID) -> Last | None:
    """The tenant's last message, as the stream's leader knows it."""
    asked = {"last_by_subj": subjects.events(tenant)}
    try:
        found = (await streams.api(client, f"STREAM.MSG.GET.{subjects.STREAM}", asked))["message"]
    except NotFoundError:
        return None
    return read(found)


def read(found: dict[str, Any]) -> Last:
    """What the server tells of a message."""
    lines = base64.b64decode(found.get("hdrs", "")).partition(b"\r\n")[2]
    headers = _parser.parsebytes(lines)
    return Last(
        int(found["seq"]),
        int(headers.get("Everlog-Generation", "0")),
        int(headers.get("Everlog-Position", "0")),
        headers.get("Everlog-Digest", ""),
    )


def compare(source: Source, last: Last | None, max_age: float = 0) -> Course:
    """From where to publish on. Reads the log; synchronous.

    With nothing in the stream that is everything its age limit would still hold, so that a quiet tenant whose messages
    have aged away is not published again.

    Raises:
        Forked: the log cannot have been what the stream was published from.
    """
    generation, head = source.head()
    if last is None:
        since = datetime.fromtimestamp(time.time() - max_age, UTC) - timedelta(minutes=1)
        fresh = _first(source, head, lambda event: event.recorded_at >= since) if max_age else 1
        return Course(0, fresh - 1)
    there = source.rows(last.position - 1, 1) if last.position else ()
    if there and message.digest(Event._make(there[0])) == last.digest:
        return Course(last.sequence, last.position)
    if generation <= last.generation:
        raise Forked(f"generation {last.generation}, position {last.position}")
    # The log was restored and went on: what came after the cut belongs to a later generation than what was published.
    return Course(last.sequence, _first(source, head, lambda event: event.generation > last.generation) - 1)


def _first(source: Source, head: int, later: Callable[[Event], bool]) -> int:
    """The first position whose event is `later`, head + 1 if none is; it stays so from there on."""
    low, high = 1, head + 1
    while low < high:
        middle = (low + high) // 2
        if later(Event._make(source.rows(middle - 1, 1)[0])):
            high = middle
        else:
            low = middle + 1
    return low

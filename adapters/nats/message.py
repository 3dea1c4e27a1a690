"""One recorded event as a message: the bytes of the log, nothing opened."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, unquote
from uuid import UUID

import msgspec
from msgspec import Struct

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Event(NamedTuple):
    """A row of the log, as the recorder reads it."""

    position: int
    stream: str
    version: int
    type: str
    recorded_at: datetime
    meta: bytes
    body: bytes
    generation: int


class Source(Protocol):
    """One tenant's log as it was recorded. Synchronous."""

    def rows(self, after: int, limit: int) -> Sequence[tuple[Any, ...]]:
        """The events after a position, in order, with the columns of `Event`."""
        ...

    def head(self) -> tuple[int, int]:
        """Generation and last position."""
        ...


class Carried(Struct, frozen=True):
    """An event as it comes out of JetStream; the same fields as in the log.

    `omitted` is the size of what was too big to carry: meta and body are empty then, and the log has them.
    """

    tenant: UUID
    position: int
    generation: int
    stream: str
    version: int
    type: str
    recorded_at: datetime
    meta: bytes
    body: bytes
    digest: str
    event: str = ""
    trace: str = ""
    omitted: int = 0


class Traced(Struct):
    """What is said of an event outside of its bytes: nothing of it is sealed."""

    event: str = ""
    trace: str = ""


def headers(tenant: UUID, event: Event) -> dict[str, str]:
    found = {
        "Nats-Msg-Id": f"{tenant}:{event.generation}:{event.position}",
        "Everlog-Generation": str(event.generation),
        "Everlog-Position": str(event.position),
        "Everlog-Stream": quote(event.stream),
        "Everlog-Version": str(event.version),
        "Everlog-Type": quote(event.type),
        "Everlog-Recorded-At": str(_microseconds(event.recorded_at)),
        "Everlog-Digest": digest(event),
    }
    traced = told(event.meta)
    if traced.event:
        found["Everlog-Event"] = quote(traced.event)
    if traced.trace:
        found["traceparent"] = quote(traced.trace)
    return found


def payload(event: Event) -> bytes:
    """MessagePack of the two byte strings, so that they arrive exactly as they were recorded."""
    return msgspec.msgpack.encode((event.meta, event.body))


def read(tenant: UUID, headers: Mapping[str, str], payload: bytes) -> Carried:
    """The event in a message.

    Raises:
        KeyError, ValueError: the relay did not write this message.
    """
    omitted = int(headers.get("Everlog-Omitted", "0"))
    meta, body = (b"", b"") if omitted else msgspec.msgpack.decode(payload, type=tuple[bytes, bytes])
    return Carried(
        tenant=tenant,
        position=int(headers["Everlog-Position"]),
        generation=int(headers["Everlog-Generation"]),
        stream=unquote(headers["Everlog-Stream"]),
        version=int(headers["Everlog-Version"]),
        type=unquote(headers["Everlog-Type"]),
        recorded_at=_EPOCH + int(headers["Everlog-Recorded-At"]) * _MICROSECOND,
        meta=meta,
        body=body,
        digest=headers["Everlog-Digest"],
        event=unquote(headers.get("Everlog-Event", "")),
        trace=unquote(headers.get("traceparent", "")),
        omitted=omitted,
    )


def digest(event: Event) -> str:
    """SHA-256 over everything the log holds of an event, each part with its length: equal means the same event."""
    found = sha256()
    at = _microseconds(event.recorded_at)
    words = (event.generation, event.position, at, event.stream, event.version, event.type)
    for part in (*(str(word).encode() for word in words), event.meta, event.body):
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.hexdigest()


def told(meta: bytes) -> Traced:
    """The event's id and the trace that it was recorded under; empty where the meta is not of our writing."""
    try:
        return msgspec.json.decode(meta, type=Traced)
    except (msgspec.DecodeError, ValueError):
        return Traced()


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND

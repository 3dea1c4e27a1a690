"""The JetStream stream that carries every tenant's events."""

import asyncio
import json
import logging
import os
import ssl
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.js.errors import APIError

from adapters.nats.dial import dial
from adapters.nats.link import Away, addresses
from adapters.nats.subjects import EVERY, STREAM

OLDEST = (2, 12)
"""The first server that stores a batch whole or not at all, which keeps each tenant's order through any failure."""

_log = logging.getLogger(__name__)
_NOT_FOUND = 10059
_SECOND = 10**9


class Retention(Struct, frozen=True):
    """How much JetStream keeps; the log keeps everything, and a consumer that fell behind reads on there.

    `max_age` is in seconds, `max_bytes` counts all tenants together; 0 keeps everything. With `max_bytes` the oldest go
    first, and a quiet tenant whose messages are all gone has its log published again after the next start: prefer
    `max_age`. `duplicates` is for how many seconds the server itself refuses a message id it has seen.
    """

    max_age: float = 0
    max_bytes: int = 0
    replicas: int = 1
    duplicates: float = 120


class TooOld(Exception):
    """The NATS server lacks what the relay needs; the message says which version has it."""


NAMES = {
    "max_age": "EVERLOG_STREAM_MAX_AGE_SECONDS",
    "max_bytes": "EVERLOG_STREAM_MAX_BYTES",
    "replicas": "EVERLOG_STREAM_REPLICAS",
    "duplicates": "EVERLOG_STREAM_DUPLICATES_SECONDS",
}


def retention(environment: Mapping[str, str] = os.environ) -> Retention:
    """What the environment asks for.

    Raises:
        msgspec.ValidationError: a setting is not a number.
    """
    given = {name: environment[variable] for name, variable in NAMES.items() if environment.get(variable)}
    return msgspec.convert(given, Retention, strict=False)


def ensure_streams(url: str, wanted: Retention | None = None, trust: ssl.SSLContext | None = None) -> None:
    """Create the stream, or bring its settings up to what is wanted, by default what the environment asks for.

    Raises:
        Away: NATS does not answer, or has no JetStream.
        TooOld: the server is older than this needs.
    """
    asyncio.run(_connected(url, wanted or retention(), trust))


async def _connected(url: str, retention: Retention, trust: ssl.SSLContext | None) -> None:
    client = await reach(url, trust)
    try:
        await ensure(client, retention, update=True)
    finally:
        await client.close()


async def reach(url: str, trust: ssl.SSLContext | None = None) -> Client:
    """A connection to the first of the servers that answers. Raises `Away`."""
    problem: Exception | None = None
    for each in addresses(url):
        try:
            async with asyncio.timeout(10):
                return await dial(each, trust, connect_timeout=5, error_cb=_heard)
        except Exception as failed:  # noqa: BLE001 - whatever it is, this server cannot be asked
            problem = failed
    raise Away(f"NATS does not answer ({type(problem).__name__}).") from problem


async def _heard(problem: Exception) -> None:
    """Left to itself the library logs a traceback; whoever connects is told by the exception."""
    _log.debug("NATS: %s", type(problem).__name__)


async def ensure(client: Client, retention: Retention, *, update: bool = False) -> dict[str, Any]:
    """The stream's information; created where there is none, and otherwise left as it is unless told to update."""
    version = client.connected_server_version
    if (version.major, version.minor) < OLDEST:
        raise TooOld(
            f"NATS {version.major}.{version.minor} is too old: Everlog needs {OLDEST[0]}.{OLDEST[1]} or newer."
        )
    wanted = _config(retention)
    try:
        found = await api(client, f"STREAM.INFO.{STREAM}")
    except APIError as problem:
        if problem.err_code != _NOT_FOUND:
            raise
        return await api(client, f"STREAM.CREATE.{STREAM}", wanted)
    except NoRespondersError as problem:
        raise Away("This NATS server has no JetStream.") from problem
    if update and any(found["config"].get(name) != value for name, value in wanted.items()):
        return await api(client, f"STREAM.UPDATE.{STREAM}", found["config"] | wanted)
    return found


def max_age(found: dict[str, Any]) -> float:
    """For how many seconds a stream keeps a message, from its information; 0 is for ever."""
    return int(found["config"].get("max_age", 0)) / _SECOND


def limited(found: dict[str, Any]) -> bool:
    """Whether the oldest messages leave by themselves, from a stream's information."""
    return any(found["config"].get(name, 0) > 0 for name in ("max_age", "max_bytes", "max_msgs"))


async def api(client: Client, verb: str, request: Any = None) -> dict[str, Any]:
    """One call of JetStream's own API. Raises `APIError`, `NoRespondersError` or `TimeoutError`."""
    body = b"" if request is None else json.dumps(request).encode()
    answer: dict[str, Any] = json.loads((await client.request(f"$JS.API.{verb}", body, timeout=5)).data)
    if "error" in answer:
        raise APIError.from_error(answer["error"])
    return answer


def _config(retention: Retention) -> dict[str, Any]:
    return {
        "name": STREAM,
        "subjects": [EVERY],
        "retention": "limits",
        "discard": "old",
        "storage": "file",
        "max_age": int(retention.max_age * _SECOND),
        "max_bytes": retention.max_bytes or -1,
        "num_replicas": retention.replicas,
        "duplicate_window": int(_window(retention) * _SECOND),
        "allow_atomic": True,
    }


def _window(retention: Retention) -> float:
    """The server refuses a window longer than the age limit."""
    return min(retention.duplicates, retention.max_age) if retention.max_age else retention.duplicates

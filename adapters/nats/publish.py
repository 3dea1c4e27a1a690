"""A batch of one tenant's events into the stream: all of them or none, and only behind the one that went before.

The server compares the tenant's last sequence with the one given, so a relay that lost its lease and wakes up late
changes nothing: order holds whoever publishes.
"""

import json
from collections.abc import Sequence
from uuid import UUID, uuid4

from nats.aio.client import Client
from nats.errors import NoRespondersError

from adapters.nats import message, subjects
from adapters.nats.message import Event

MOST = 500
"""Messages in a batch; the server takes at most 1,000."""
BYTES = 4 * 2**20
ROOM = 4096
"""What the headers may take of the largest message that the server accepts."""

_STALE, _SEEN = 10071, {10201, 10158}


class Stale(Exception):
    """The tenant's last message is not the expected one: compare again."""


class Rejected(Exception):
    """The server did not store the batch; try again later. The message is the server's."""


async def publish(client: Client, tenant: UUID, events: Sequence[Event], after: int, seconds: float = 10) -> int:
    """Store the events behind the tenant's message of sequence `after` (0: the first); the last one's sequence.

    Raises:
        Stale, Rejected: as they say.
        Error, TimeoutError: it is not known whether they were stored.
    """
    try:
        return await _batch(client, tenant, events, after, seconds, named=True)
    except _Seen:
        # It remembers ids of messages that were purged since. The expected sequence guards against repeats as well.
        return await _batch(client, tenant, events, after, seconds, named=False)


class _Seen(Exception):
    pass


async def _batch(
    client: Client, tenant: UUID, events: Sequence[Event], after: int, seconds: float, *, named: bool
) -> int:
    batch = uuid4().hex
    for number, event in enumerate(events, 1):
        headers, body = _fitting(tenant, event, client.max_payload)
        headers |= {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
        if not named:
            del headers["Nats-Msg-Id"]
        if number == 1:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(after)
            headers["Nats-Expected-Last-Subject-Sequence-Subject"] = subjects.events(tenant)
        subject = subjects.event(tenant, event.type)
        if number < len(events):
            await client.publish(subject, body, headers=headers)
            continue
        headers["Nats-Batch-Commit"] = "1"
        try:
            answer = await client.request(subject, body, timeout=seconds, headers=headers)
        except NoRespondersError as problem:
            raise Rejected("there is no stream") from problem
        return _stored(answer.data)
    return after


def _fitting(tenant: UUID, event: Event, most: int) -> tuple[dict[str, str], bytes]:
    headers, body = message.headers(tenant, event), message.payload(event)
    if len(body) + ROOM > most:
        headers["Everlog-Omitted"] = str(len(event.meta) + len(event.body))
        body = b""
    return headers, body


def _stored(answer: bytes) -> int:
    found = json.loads(answer)
    if (error := found.get("error")) is None:
        return int(found["seq"])
    code = error.get("err_code")
    if code == _STALE:
        raise Stale
    if code in _SEEN:
        raise _Seen
    raise Rejected(f"{code}: {error.get('description', '')}")


def cut(events: Sequence[Event]) -> int:
    """How many of them make a batch: as many as fit, at least one."""
    size = 0
    for number, event in enumerate(events[:MOST]):
        size += len(event.meta) + len(event.body)
        if size > BYTES and number:
            return number
    return min(len(events), MOST)

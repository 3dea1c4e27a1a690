"""Whether the stream holds all of a tenant's messages that it was given, and not only the last.

A server keeps what it stored in files, of which those that are full may never have been synced: where the power fails,
any of them can be lost, and what comes behind stays. Who follows the stream finds a gap there and reads the log; who
comes later would find it for ever.
"""

import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from uuid import UUID

from msgspec import Struct
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from adapters.nats import course, streams, subjects
from adapters.nats.consume import RESUMED
from adapters.nats.message import Event, Source

_BATCH = 500
_PAGE = 1000
_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Erased = Callable[[UUID], AbstractSet[UUID]]
"""A tenant's subjects whose keys are destroyed. Called in a thread."""


class Hole(Struct, frozen=True):
    """Positions that are missing, the last one included."""

    first: int
    last: int


async def suspicious(client: Client, tenant: UUID) -> bool:
    """Whether there may be holes: cheap, and never wrong in saying that there are none.

    Of a log that was restored the stream also holds what was lost, and a count says nothing.
    """
    asked = {"subjects_filter": subjects.events(tenant)}
    found = await streams.api(client, f"STREAM.INFO.{subjects.STREAM}", asked)
    count = sum((found["state"].get("subjects") or {}).values())
    last = await course.last(client, tenant)
    if last is None:
        return False
    first = await _first(client, tenant) if streams.limited(found) else 1
    return last.generation > 1 or count < last.position - first + 1


async def holes(client: Client, tenant: UUID) -> list[Hole]:
    """What is missing between the messages, by reading the head of each; before the first too, if none ages away."""
    last = await course.last(client, tenant)
    found = await streams.api(client, f"STREAM.INFO.{subjects.STREAM}")
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE, mem_storage=True, headers_only=True
    )
    consumer = await client.jetstream().pull_subscribe(subjects.events(tenant), stream=subjects.STREAM, config=config)
    missing, sequence, known = list[Hole](), 0, None if streams.limited(found) else (0, 0)
    try:
        while last and sequence < last.sequence:
            for each in await consumer.fetch(_BATCH, timeout=30):
                sequence, headers = each.metadata.sequence.stream, each.headers or {}
                here = int(headers["Everlog-Generation"]), int(headers["Everlog-Position"])
                missing += _between(known, here, headers.get("Everlog-Type", ""))
                known = max(known or here, here)
    finally:
        await consumer.unsubscribe()
    return missing


def explained(source: Source, missing: list[Hole], erased: AbstractSet[UUID]) -> bool:
    """Whether each missing event is about somebody who was erased: those were taken away. Synchronous."""
    return all(_about(event) & erased for hole in missing for event in _events(source, hole))


async def clear(client: Client, tenant: UUID) -> None:
    """Take all of a tenant's messages out of the stream; the log has them."""
    await streams.api(client, f"STREAM.PURGE.{subjects.STREAM}", {"filter": subjects.events(tenant)})


def _between(known: tuple[int, int] | None, here: tuple[int, int], type: str) -> Iterator[Hole]:
    if known is None:
        return
    generation, position = known
    if here[1] > position + 1:
        yield Hole(position + 1, here[1] - 1)
    elif here[0] > max(generation, 1) and type != RESUMED:
        # A generation begins with the fact that says so.
        yield Hole(here[1] - 1, here[1] - 1)


async def _first(client: Client, tenant: UUID) -> int:
    """The position of the tenant's first message in the stream."""
    asked = {"seq": 1, "next_by_subj": subjects.events(tenant)}
    try:
        found = (await streams.api(client, f"STREAM.MSG.GET.{subjects.STREAM}", asked))["message"]
    except NotFoundError:
        return 1
    return course.read(found).position


def _events(source: Source, hole: Hole) -> Iterator[Event]:
    after = hole.first - 1
    while after < hole.last and (rows := source.rows(after, min(_PAGE, hole.last - after))):
        yield from map(Event._make, rows)
        after += len(rows)


def _about(event: Event) -> set[UUID]:
    return {UUID(each.decode()) for each in _UUID.findall(event.meta + event.stream.encode())}

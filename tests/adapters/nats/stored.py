"""What a stream holds of a tenant, read as any consumer would; and the checker that finds what is wrong with it."""

import asyncio

from nats.aio.client import Client
from nats.errors import TimeoutError as Late
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from adapters.nats import message, subjects
from adapters.nats.consume import Order
from adapters.nats.message import Carried


def stored(url, tenant):
    """The tenant's messages in the stream's order."""
    return asyncio.run(_stored(url, tenant))


async def _stored(url, tenant):
    client = Client()
    await client.connect(url, allow_reconnect=False)
    try:
        js = client.jetstream()
        config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE)
        consumer = await js.pull_subscribe(subjects.events(tenant), stream=subjects.STREAM, config=config)
        pending: int = (await consumer.consumer_info()).num_pending or 0
        found: list[Carried] = []
        while len(found) < pending:
            try:
                batch = await consumer.fetch(1000, timeout=5)
            except (Late, TimeoutError):
                break
            found += [message.read(tenant, each.headers or {}, each.data) for each in batch]
        return found
    finally:
        await client.close()


def taken(carried):
    """What a consumer takes from messages: each event once. Raises `Gap` where one is missing."""
    order = Order(marks={})
    return [event for event in carried if order.admit(event)]


def same(carried, log):
    """Whether a consumer ends up with the log, byte for byte."""
    return [_whole(event) for event in taken(carried)] == [_whole(event) for event in log.events]


def _whole(event):
    parts = ("position", "generation", "stream", "version", "type", "recorded_at", "meta", "body")
    return tuple(getattr(event, part) for part in parts)

"""Messages about an erased subject are overwritten in JetStream, one by one: all else of the tenant stays.

What is in them is sealed under the subject's key, which is gone; they are purged so that not even noise is left of the
person where a consumer reads. The tenant's last message always stays: by it the relay knows how far it has come, and
would publish again what is missing behind it.
"""

from uuid import UUID

from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from adapters.nats import course, message, streams, subjects
from adapters.nats.link import Away, Link

SECONDS = 600.0
"""What a purge may take: it reads all of the tenant's messages once."""
_BATCH = 500


class Purge:
    """`adapters.privacy.Messages`, on a link that was started. Each call raises `Away` where NATS is."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def reached(self, tenant: UUID, generation: int, position: int) -> bool:
        return self._link.begin(_reached(self._client(), tenant, (generation, position))).result(SECONDS)

    def purge(self, tenant: UUID, subject: UUID, generation: int, position: int) -> int:
        return self._link.begin(_purge(self._client(), tenant, subject, (generation, position))).result(SECONDS)

    def _client(self) -> Client:
        if client := self._link.client:
            return client
        raise Away("NATS does not answer, and its messages of an erased person wait for that.")


async def _reached(client: Client, tenant: UUID, mark: tuple[int, int]) -> bool:
    last = await course.last(client, tenant)
    return last is None or (last.generation, last.position) >= mark


async def _purge(client: Client, tenant: UUID, subject: UUID, mark: tuple[int, int]) -> int:
    found = await _about(client, tenant, subject, mark)
    for sequence in found:
        # Unless told otherwise, the server overwrites what it deletes with noise.
        await streams.api(client, f"STREAM.MSG.DELETE.{subjects.STREAM}", {"seq": sequence})
    return len(found)


async def _about(client: Client, tenant: UUID, subject: UUID, mark: tuple[int, int]) -> list[int]:
    """The sequences of the messages about a subject, up to a position of the log, but for the tenant's last."""
    last = await course.last(client, tenant)
    if last is None:
        return []
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL, ack_policy=AckPolicy.NONE, mem_storage=True)
    every = subjects.events(tenant)
    consumer = await client.jetstream().pull_subscribe(every, stream=subjects.STREAM, config=config)
    named, found, sequence = str(subject).encode(), list[int](), 0
    try:
        while sequence < last.sequence:
            for each in await consumer.fetch(_BATCH, timeout=30):
                sequence = each.metadata.sequence.stream
                carried = message.read(tenant, each.headers or {}, each.data)
                about = named in carried.meta or carried.stream.endswith(f"/{subject}")
                if about and sequence != last.sequence and (carried.generation, carried.position) <= mark:
                    found.append(sequence)
    finally:
        await consumer.unsubscribe()
    return found

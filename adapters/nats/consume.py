"""Reading the stream: each event once and in order, whatever was sent again."""

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec
from msgspec import Struct
from nats.aio.client import Client
from nats.errors import TimeoutError as Late
from nats.js.api import ConsumerConfig, DeliverPolicy

from adapters.nats import message, subjects
from adapters.nats.message import Carried

RESUMED = "tenancy.resumed"


class Gap(Exception):
    """Events between the last admitted one and this one are missing; read them from the log.

    Where `generation` is given, the log has lost a tail meanwhile: what is missing are its events of later generations.
    """

    def __init__(self, tenant: UUID, after: int, before: int, generation: int | None = None) -> None:
        since = f" since generation {generation}" if generation is not None else ""
        super().__init__(f"tenant {tenant}: nothing between positions {after} and {before}{since}")
        self.tenant = tenant
        self.after = after
        self.before = before
        self.generation = generation


class Order(Struct):
    """What a consumer keeps per tenant, with its own work: the (generation, position) of its last event.

    A new generation may start again at an earlier position: what the consumer holds beyond it never happened.
    """

    marks: dict[UUID, tuple[int, int]] = {}

    def admit(self, event: Carried, *, whole: bool = True) -> bool:
        """Whether to take the event; False for one that was taken before. `whole`: no type or capability is left out.

        Raises:
            Gap: an event is missing.
        """
        mark = (event.generation, event.position)
        known = self.marks.get(event.tenant)
        if known and mark <= known:
            return False
        after = known[1] if known else 0
        if whole and event.position > after + 1:
            raise Gap(event.tenant, after, event.position)
        if whole and known and event.generation > known[0] and _previous(event) != known[0]:
            raise Gap(event.tenant, after, event.position, known[0])
        self.marks[event.tenant] = mark
        return True


def _previous(event: Carried) -> int | None:
    """The generation that the event says it takes the place of, if it is the first of its own."""
    return msgspec.json.decode(event.body, type=_Resumed).previous if event.type == RESUMED else None


class _Resumed(Struct):
    previous: int


async def events(
    client: Client, tenant: UUID, capability: str = "", durable: str | None = None, batch: int = 500
) -> AsyncIterator[Carried]:
    """A tenant's events as the stream has them, from its beginning or from where the durable consumer stands, for ever.

    Each is acknowledged when the next is asked for. Repeats are passed on: use `Order`.
    """
    consumer = await client.jetstream().pull_subscribe(
        subjects.events(tenant, capability),
        durable=durable,
        stream=subjects.STREAM,
        config=ConsumerConfig(deliver_policy=DeliverPolicy.ALL),
    )
    try:
        while True:
            try:
                found = await consumer.fetch(batch, timeout=5)
            except (Late, TimeoutError):
                continue
            for each in found:
                yield message.read(tenant, each.headers or {}, each.data)
                await each.ack()
    finally:
        await consumer.unsubscribe()

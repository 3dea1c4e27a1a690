"""A word over NATS that subjects were erased, or a tenant forgotten: every process lets go of their keys at once.

A process that was not connected cannot know what was said meanwhile, so it lets go of all when a connection comes up.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from adapters.keyring import Rings
from adapters.nats import subjects
from adapters.nats.link import Link

ALL = "all"
"""Is told instead of a subject where every key of the tenant is destroyed."""


class Forgetting:
    """`adapters.erasures.Keys` of all processes of an installation. Build it before the link starts."""

    def __init__(self, link: Link, rings: Rings) -> None:
        self._link = link
        self._rings = rings
        link.resident(self._listen)

    def forget(self, tenant: UUID, subjects: Iterable[UUID]) -> None:
        """In this process at once, in the others as soon as they hear of it."""
        gone = list(subjects)
        self._rings.of(tenant).forget(gone)
        self._link.soon(self._tell, tenant, [str(each) for each in gone])

    def drop(self, tenant: UUID) -> None:
        """The same of all of a tenant's keys. Who does not hear it lets go of them when they are used next."""
        self._rings.drop(tenant)
        self._link.soon(self._tell, tenant, [ALL])

    def _tell(self, tenant: UUID, gone: list[str]) -> None:
        if client := self._link.client:
            asyncio.ensure_future(_send(client, tenant, gone))  # noqa: RUF006 - keys that are not told of expire

    async def _listen(self, client: Client) -> None:
        closed = asyncio.Event()
        await client.subscribe(subjects.EVERY_GONE, cb=self._heard)
        await client.flush()
        # Only now: whatever is fetched from here on is fetched within hearing.
        self._rings.forget_subjects()
        await closed.wait()

    async def _heard(self, message: Msg) -> None:
        with suppress(ValueError):
            gone, tenant = message.data.decode("ascii"), subjects.tenant(message.subject)
            if gone == ALL:
                self._rings.drop(tenant)
            else:
                self._rings.of(tenant).forget([UUID(gone)])


async def _send(client: Client, tenant: UUID, gone: list[str]) -> None:
    with suppress(Error, OSError):
        for each in gone:
            await client.publish(subjects.gone(tenant), each.encode())

"""All tenants' logs in one process."""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self
from uuid import UUID

from adapters.codec import Codec, Opener
from adapters.keyring import Cache, Rings, Services, bound
from adapters.log.states import Memory, States
from adapters.log.tenant import Parts, TenantLog
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database, found
from adapters.postgres.recorder import Recorder
from domain.kernel import Decider
from tenants.keys import KMS, Left

THREADS = 4
"""That fetch keys and write snapshots beside the event loop."""
MOST = 20_000
"""Tenants remembered: whoever presents made-up ones must not fill the memory."""


class Logs:
    """`application.ports.Logs`, and `application.ports.Ground`: where a new tenant is to stand.

    The database is open for threads, and started where the edge's methods are used.
    """

    def __init__(
        self,
        database: Database,
        committer: Committer,
        kms: KMS | Services,
        deciders: Iterable[Decider[Any]],
        cache: Cache | None = None,
        program: str = "",
    ) -> None:
        """Raises `TypeError` where a fact of the deciders could not be stored, with the reason."""
        self.codec = Codec(deciders)
        self.rings = Rings(database, kms, cache, program)
        # The server that answers now may be another, in whose log a key that is at hand was never written.
        committer.on_return(self.rings.forget)
        self._opener = Opener(self.codec)
        self._database = database
        self._committer = committer
        self._memory = Memory()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="log")
        self._logs: dict[UUID, TenantLog] = {}

    def of(self, tenant: UUID) -> TenantLog:
        log = self._logs.get(tenant)
        if log is None:
            parts = Parts(
                recorder=Recorder(tenant, self._database, self._committer),
                ring=self.rings.of(tenant),
                codec=self.codec,
                opener=self._opener,
                states=States(tenant, self._database, self.codec, self._memory, self._threads),
                database=self._database,
                threads=self._threads,
            )
            log = self._logs.setdefault(tenant, TenantLog(tenant, parts))
            bound(self._logs, MOST)
        return log

    async def prepare(self, tenant: UUID) -> None:
        """Give a tenant the head of its log and its keys. Doing it again changes nothing."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self.provision, tenant)

    async def granted(self, tenant: UUID) -> None:
        """Whether a tenant is still here, and the owner of its own key service lets it be read, where it brought one.

        Raises `tenants.keys.Left` and `tenants.keys.Revoked`, and `tenants.keys.Unserved` where that service has not
        answered for too long.
        """
        self._stays(tenant)
        keys = self.rings.of(tenant).keys
        if keys.own and not keys.at_hand:
            await asyncio.get_running_loop().run_in_executor(self._threads, keys.grant)

    def must_be_granted(self, tenant: UUID) -> None:
        """The same, for threads."""
        self._stays(tenant)
        keys = self.rings.of(tenant).keys
        if keys.own:
            keys.grant()

    def _stays(self, tenant: UUID) -> None:
        try:
            self.rings.services.stays(tenant)
        except Left:
            self.rings.drop(tenant)
            raise

    def provision(self, tenant: UUID) -> None:
        """As `prepare`, for threads."""
        found(self._database, tenant)
        self.rings.provision(tenant)

    def close(self) -> None:
        """Let what is under way end."""
        self._threads.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

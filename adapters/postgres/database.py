"""Reads and small writes of one tenant: a pool for threads and one for the event loop."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from time import monotonic
from typing import Any, Self
from uuid import UUID

from psycopg_pool import AsyncConnectionPool, ConnectionPool

from adapters.postgres.ask import ask
from adapters.postgres.hand import Hand
from adapters.postgres.silence import ANSWER, LEAST, LIMITS, OPTIONS, AsyncConnection, Connection, Silent

Row = tuple[Any, ...]

SETTINGS = {
    **LIMITS,
    # Whatever the server's defaults are: names resolve in our schema, times are UTC, nobody waits for ever.
    "options": f"-c search_path=everlog -c timezone=UTC -c lock_timeout=10s {OPTIONS}",
    "application_name": "everlog",
    "autocommit": True,
}
_ENTER = "select set_config('app.tenant', %s, true)"
_ENTER_BRIEFLY = f"{_ENTER}, set_config('transaction_timeout', %s, true)"
_LIMITING = 170_000
"""The release of the server that knows `transaction_timeout`."""
_BRIEF = "10s"
_AGAIN = 3.0
"""Seconds for which a pool tries to replace a lost connection before it leaves that to the next caller: its pauses
double, and a server that has come back should not wait for the end of a long one."""


class Database:
    """One role's way to the database. Nothing is read or written without a tenant.

    `open` and `close` are for threads, `start` and `stop` for the event loop; a process may use both, each pool holds
    at most `size` connections. `patience` is for how many seconds a caller waits: for a free connection (then
    `psycopg_pool.PoolTimeout`) and each answer (then `Silent`), for the first answer with that wait taken off.
    """

    def __init__(self, url: str, size: int = 8, patience: float = ANSWER) -> None:
        self.url = url
        self._patience = patience
        self._pools: dict[str, Any] = {
            "kwargs": SETTINGS,
            "min_size": 1,
            "max_size": size,
            "timeout": patience,
            "reconnect_timeout": _AGAIN,
        }
        self._threads: ConnectionPool[Connection] | None = None
        self._loop: Hand | None = None

    def open(self) -> None:
        if self._threads is None:
            self._threads = ConnectionPool(self.url, connection_class=Connection, open=True, **self._pools)

    def close(self) -> None:
        if self._threads is not None:
            self._threads.close()
            self._threads = None

    async def start(self) -> None:
        if self._loop is None:
            pool = AsyncConnectionPool(self.url, connection_class=AsyncConnection, open=False, **self._pools)
            await pool.open()
            self._loop = Hand(pool, self._patience)

    async def stop(self) -> None:
        if self._loop is not None:
            await self._loop.close()
            self._loop = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self, tenant: UUID) -> Iterator[Connection]:
        """One transaction that sees and writes this tenant's rows and no others."""
        with self._lent() as connection, connection.transaction():
            connection.execute(_ENTER, [str(tenant)])
            yield connection

    @contextmanager
    def snapshot(self, tenant: UUID) -> Iterator[Connection]:
        """The same, which sees everything as it was at one moment, and writes nothing."""
        with self._lent() as connection, connection.transaction():
            connection.execute("set transaction isolation level repeatable read, read only")
            connection.execute(_ENTER, [str(tenant)])
            yield connection

    @contextmanager
    def exchange(self, tenant: UUID) -> Iterator[Connection]:
        """The same, whose statements are sent together: what they answer is told when it is fetched, or at the end.

        A client that stops half way through what it sends does not count as idle, however long it is silent. From
        release 17 on the server ends its session all the same, so that nobody waits for the rows it holds.
        """
        with self._lent() as connection, connection.pipeline(), connection.transaction():
            if connection.info.server_version >= _LIMITING:
                connection.execute(_ENTER_BRIEFLY, [str(tenant), _BRIEF])
            else:
                connection.execute(_ENTER, [str(tenant)])
            yield connection

    @asynccontextmanager
    async def writing(self, tenant: UUID) -> AsyncIterator[AsyncConnection]:
        """The same, for the event loop."""
        async with self._hand().lent() as connection, connection.transaction():
            await connection.execute(_ENTER, [str(tenant)])
            yield connection

    def query(self, tenant: UUID, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """The rows of one statement, in a transaction of its own; parameters as `%s` or `%(name)s`."""
        with self._lent() as connection:
            return connection.wait(ask(connection, tenant, sql, params))

    async def fetch(self, tenant: UUID, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """The same, for the event loop."""
        return await self._hand().fetch(tenant, sql, params)

    def call(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """The rows of one function that sets the tenant itself: one message, twice the rate of `query`."""
        with self._lent() as connection:
            return connection.cursor(binary=True).execute(sql.encode(), params).fetchall()

    async def acall(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """The same, for the event loop."""
        async with self._hand().lent() as connection:
            cursor = await connection.cursor(binary=True).execute(sql.encode(), params)
            return await cursor.fetchall()

    def use(self) -> dict[str, int]:
        """Connections, by pool: open ones, idle ones, and callers that wait for one."""
        found: dict[str, int] = {}
        if self._threads is not None:
            found |= _use("threads", self._threads.get_stats())
        if self._loop is not None:
            found |= _use("loop", self._loop.pool.get_stats())
            found["loop_idle"] += self._loop.idle
            found["loop_waiting"] += self._loop.waiting
        return found

    def heads(self) -> list[tuple[UUID, int, int]]:
        """Every tenant with the generation and last position of its log; only the worker's role sees any."""
        return self.call("select tenant_id, generation, position from everlog.heads order by tenant_id")

    @contextmanager
    def _lent(self) -> Iterator[Connection]:
        """A connection from the pool. Where one was silent, those that lie there most likely are as well."""
        pool, began = self._pool(), monotonic()
        try:
            with pool.connection() as connection:
                connection.patience = max(self._patience - (monotonic() - began), LEAST)
                yield connection
        except Silent:
            pool.drain()
            raise

    def _pool(self) -> ConnectionPool[Connection]:
        if self._threads is None:
            raise RuntimeError("The database is not open for threads: call open() first.")
        return self._threads

    def _hand(self) -> Hand:
        if self._loop is None:
            raise RuntimeError("The database is not open for the event loop: await start() first.")
        return self._loop


def _use(kind: str, stats: dict[str, int]) -> dict[str, int]:
    names = {"pool_size": "open", "pool_available": "idle", "requests_waiting": "waiting"}
    return {f"{kind}_{name}": stats.get(key, 0) for key, name in names.items()}


def found(database: Database, tenant: UUID) -> None:
    """Give a tenant its head, from which on it can be appended to. Doing it again changes nothing."""
    database.query(tenant, "insert into everlog.heads (tenant_id) values (%s) on conflict do nothing", [tenant])


async def afound(database: Database, tenant: UUID) -> None:
    """The same, for the event loop."""
    await asyncio.shield(
        database.fetch(tenant, "insert into everlog.heads (tenant_id) values (%s) on conflict do nothing", [tenant])
    )

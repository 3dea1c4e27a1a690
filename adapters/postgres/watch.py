"""A connection in the event loop's hand: watched for answers all the while, and kept in pipeline mode.

psycopg waits for each answer by telling the loop to watch the socket and to stop again, and steps through a generator
in between; under many small reads that costs more than the reads. Here the loop watches once, for as long as the
connection is in hand, and whoever asked is woken when the answer is whole.
"""

import asyncio
from typing import Any
from uuid import UUID

import psycopg
from psycopg import abc
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

from adapters.postgres.ask import LOST, STALE, Exchange, prepared, rows
from adapters.postgres.silence import AsyncConnection, Silent

Row = tuple[Any, ...]


class Watched:
    """One connection, in autocommit mode and in no transaction, for one question at a time."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self._loop = asyncio.get_running_loop()
        self._pgconn = connection.pgconn
        self._socket = connection.pgconn.socket
        self._known = prepared(connection)
        self._results: list[PGresult] = []
        self._answer: asyncio.Future[list[PGresult]] | None = None
        self._watching = True
        self._pgconn.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._read)

    @property
    def sound(self) -> bool:
        """Whether it may be asked again."""
        return self._watching

    async def ask(self, tenant: UUID, sql: str, params: abc.Params, seconds: float) -> list[Row]:
        """The rows of one statement.

        Raises what psycopg raises, and `Silent` where no answer comes within `seconds`. Left before it has answered,
        the connection is closed.
        """
        transformer = Transformer(self.connection)
        query = PostgresQuery(transformer)
        query.convert(sql.encode(), params)
        try:
            return rows(transformer, await self._exchange(tenant, query, seconds))
        except STALE:
            # Nothing was done, the transaction failed as a whole: what is prepared may be prepared anew.
            self._known.names.clear()
        return rows(transformer, await self._exchange(tenant, query, seconds))

    async def _exchange(self, tenant: UUID, query: PostgresQuery, seconds: float) -> list[PGresult]:
        self._results, self._answer = [], self._loop.create_future()
        whole = False
        late = self._loop.call_later(seconds, self._silent, seconds)
        try:
            exchange = Exchange(self._pgconn, self._known, tenant, query)
            if self._pgconn.flush():
                self._loop.add_writer(self._socket, self._write)
            results = await self._answer
            whole = True
        finally:
            late.cancel()
            self._answer = None
            if not whole:
                self.close()
        exchange.noted(results)
        return results

    def leave(self) -> AsyncConnection:
        """The connection as psycopg knows it, for others to use; nobody watches it any more."""
        if self._watching:
            self._unwatch()
            self._pgconn.exit_pipeline_mode()
        return self.connection

    def close(self) -> None:
        if self._watching:
            self._unwatch()
        self._pgconn.finish()

    def _unwatch(self) -> None:
        # Before the socket is closed: its number may be another's a moment later.
        self._watching = False
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)

    def _write(self) -> None:
        try:
            if not self._pgconn.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.Error as problem:
            self._fail(problem)

    def _read(self) -> None:
        """Something came: what is whole of it is taken, and the last of an answer wakes whoever asked."""
        pgconn = self._pgconn
        try:
            pgconn.consume_input()
            while not pgconn.is_busy():
                if (result := pgconn.get_result()) is None:
                    if pgconn.status == ConnStatus.BAD:
                        self._fail(psycopg.OperationalError(LOST))
                    if self._answer is None or not self._watching:
                        return
                    continue
                if result.status == ExecStatus.PIPELINE_SYNC:
                    if self._answer is not None and not self._answer.done():
                        self._answer.set_result(self._results)
                    return
                self._results.append(result)
        except psycopg.Error as problem:
            self._fail(problem)

    def _silent(self, seconds: float) -> None:
        self._fail(Silent(seconds))

    def _fail(self, problem: psycopg.Error) -> None:
        self._unwatch()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(problem)

"""One statement of one tenant in one exchange: the tenant is set and the statement run below psycopg's cursors.

Up to its sync a pipeline is one implicit transaction, so the setting ends with the statement, whatever becomes of it.
psycopg's own pipeline does the same, but turns to the event loop for each of its steps, which costs twice the time.
"""

from collections import OrderedDict
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from psycopg import abc, generators
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

_Key = tuple[bytes, tuple[int, ...]]
"""A query, and the types of its parameters."""

_TEXT = 25
_ENTER: _Key = (b"select set_config('app.tenant', $1, true)", (_TEXT,))
_HELD = 100
"""Statements that stand prepared on a connection; the one that was asked longest ago makes room."""

LOST = "The connection was lost."

STALE = (psycopg.errors.InvalidSqlStatementName, psycopg.errors.FeatureNotSupported)
"""psycopg drops all that a connection has prepared when it rolls back or sees a table change; and a migration may
change a table's columns under a statement."""


class Prepared:
    """What stands prepared on a connection."""

    def __init__(self) -> None:
        self.names: OrderedDict[_Key, bytes] = OrderedDict()
        self.count = 0


_prepared: WeakKeyDictionary[object, Prepared] = WeakKeyDictionary()


def prepared(connection: object) -> Prepared:
    """What stands prepared on this connection, kept for as long as the connection is."""
    return _prepared.setdefault(connection, Prepared())


def ask(
    connection: psycopg.Connection[Any], tenant: UUID, sql: str, params: abc.Params
) -> abc.PQGen[list[tuple[Any, ...]]]:
    """The rows of one statement, for `connection.wait`. Raises what psycopg raises.

    The connection is in autocommit mode and in no transaction. One that is left before it has answered is closed.
    """
    transformer = Transformer(connection)
    query = PostgresQuery(transformer)
    query.convert(sql.encode(), params)
    known = prepared(connection)
    try:
        return rows(transformer, (yield from _exchange(connection.pgconn, known, tenant, query)))
    except STALE:
        # Nothing was done, the transaction failed as a whole: what is prepared may be prepared anew.
        known.names.clear()
    return rows(transformer, (yield from _exchange(connection.pgconn, known, tenant, query)))


class Exchange:
    """Everything that one statement sends, down to the sync, on a connection in pipeline mode. Made, it is sent."""

    def __init__(self, pgconn: PGconn, known: Prepared, tenant: UUID, query: PostgresQuery) -> None:
        self._known = known
        self._made: list[tuple[_Key, bytes] | None] = []
        enter = self._name(pgconn, _ENTER)
        name = self._name(pgconn, (query.query, tuple(query.types)))
        pgconn.send_query_prepared(enter, [str(tenant).encode()])
        pgconn.send_query_prepared(name, query.params, query.formats, result_format=1)
        pgconn.pipeline_sync()

    def noted(self, results: list[PGresult]) -> None:
        """A statement stands once it is made, also where what follows it has failed."""
        if self._made:
            made = zip(self._made, results, strict=False)
            self._known.names |= [each for each, result in made if each and result.status == ExecStatus.COMMAND_OK]

    def _name(self, pgconn: PGconn, key: _Key) -> bytes:
        """The statement's name. Where it does not stand yet it is sent; `_made` tells of everything that was."""
        known = self._known
        if name := known.names.get(key):
            known.names.move_to_end(key)
            return name
        if len(known.names) >= _HELD:
            pgconn.send_query_params(b"deallocate " + known.names.popitem(last=False)[1], None)
            self._made.append(None)
        known.count += 1
        name = b"everlog_%d" % known.count
        pgconn.send_prepare(name, *key)
        self._made.append((key, name))
        return name


def _exchange(pgconn: PGconn, known: Prepared, tenant: UUID, query: PostgresQuery) -> abc.PQGen[list[PGresult]]:
    """The results of everything that is sent, the statement's last."""
    whole = False
    pgconn.enter_pipeline_mode()
    try:
        exchange = Exchange(pgconn, known, tenant, query)
        yield from generators.send(pgconn)
        results = yield from _answers(pgconn)
        pgconn.exit_pipeline_mode()
        whole = True
    finally:
        if not whole:
            pgconn.finish()
    exchange.noted(results)
    return results


def _answers(pgconn: PGconn) -> abc.PQGen[list[PGresult]]:
    """One result for each message, up to the sync."""
    results: list[PGresult] = []
    while True:
        result = yield from generators.fetch(pgconn)
        if result is None:
            if pgconn.status == ConnStatus.BAD:
                raise psycopg.OperationalError(LOST)
        elif result.status == ExecStatus.PIPELINE_SYNC:
            return results
        else:
            results.append(result)


def rows(transformer: abc.Transformer, results: list[PGresult]) -> list[tuple[Any, ...]]:
    """Those of the last result. Raises what psycopg raises for the first that failed."""
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result)
    last = results[-1]
    if last.status != ExecStatus.TUPLES_OK:
        return []
    transformer.set_pgresult(last)
    return transformer.load_rows(0, last.ntuples, tuple)

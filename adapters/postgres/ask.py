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

_STALE = (psycopg.errors.InvalidSqlStatementName, psycopg.errors.FeatureNotSupported)
"""psycopg drops all that a connection has prepared when it rolls back or sees a table change; and a migration may
change a table's columns under a statement."""


class _Prepared:
    """What stands prepared on a connection."""

    def __init__(self) -> None:
        self.names: OrderedDict[_Key, bytes] = OrderedDict()
        self.count = 0


_prepared: WeakKeyDictionary[object, _Prepared] = WeakKeyDictionary()


def ask(
    connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any], tenant: UUID, sql: str, params: abc.Params
) -> abc.PQGen[list[tuple[Any, ...]]]:
    """The rows of one statement, for `connection.wait`. Raises what psycopg raises.

    The connection is in autocommit mode and in no transaction. One that is left before it has answered is closed.
    """
    transformer = Transformer(connection)
    query = PostgresQuery(transformer)
    query.convert(sql.encode(), params)
    known = _prepared.setdefault(connection, _Prepared())
    try:
        return _rows(transformer, (yield from _exchange(connection.pgconn, known, tenant, query)))
    except _STALE:
        # Nothing was done, the transaction failed as a whole: what is prepared may be prepared anew.
        known.names.clear()
    return _rows(transformer, (yield from _exchange(connection.pgconn, known, tenant, query)))


def _exchange(pgconn: PGconn, known: _Prepared, tenant: UUID, query: PostgresQuery) -> abc.PQGen[list[PGresult]]:
    """The results of everything that is sent, the statement's last."""
    made: list[tuple[_Key, bytes] | None] = []
    whole = False
    pgconn.enter_pipeline_mode()
    try:
        enter = _name(pgconn, known, _ENTER, made)
        name = _name(pgconn, known, (query.query, tuple(query.types)), made)
        pgconn.send_query_prepared(enter, [str(tenant).encode()])
        pgconn.send_query_prepared(name, query.params, query.formats, result_format=1)
        pgconn.pipeline_sync()
        yield from generators.send(pgconn)
        results = yield from _answers(pgconn)
        pgconn.exit_pipeline_mode()
        whole = True
    finally:
        if not whole:
            pgconn.finish()
    # A statement stands once it is made, also where what follows it has failed.
    known.names |= [each for each, result in zip(made, results, strict=False) if each and _done(result)]
    return results


def _name(pgconn: PGconn, known: _Prepared, key: _Key, made: list[tuple[_Key, bytes] | None]) -> bytes:
    """The statement's name. Where it does not stand yet it is sent; `made` tells of everything that was."""
    if key in known.names:
        known.names.move_to_end(key)
        return known.names[key]
    if len(known.names) >= _HELD:
        pgconn.send_query_params(b"deallocate " + known.names.popitem(last=False)[1], None)
        made.append(None)
    known.count += 1
    name = b"everlog_%d" % known.count
    pgconn.send_prepare(name, *key)
    made.append((key, name))
    return name


def _answers(pgconn: PGconn) -> abc.PQGen[list[PGresult]]:
    """One result for each message, up to the sync."""
    results: list[PGresult] = []
    while True:
        result = yield from generators.fetch(pgconn)
        if result is None:
            if pgconn.status == ConnStatus.BAD:
                raise psycopg.OperationalError("The connection was lost.")
        elif result.status == ExecStatus.PIPELINE_SYNC:
            return results
        else:
            results.append(result)


def _done(result: PGresult) -> bool:
    return result.status == ExecStatus.COMMAND_OK


def _rows(transformer: abc.Transformer, results: list[PGresult]) -> list[tuple[Any, ...]]:
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result)
    last = results[-1]
    if last.status != ExecStatus.TUPLES_OK:
        return []
    transformer.set_pgresult(last)
    return transformer.load_rows(0, last.ntuples, tuple)

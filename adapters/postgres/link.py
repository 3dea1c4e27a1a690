"""The committer's own connection: prepared statements, sent and answered in binary, below psycopg's cursors."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import eventsourcing.persistence as library
import psycopg
from psycopg import generators
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult

from adapters.postgres import drain, put
from adapters.postgres.atom import Busy, Closed, Committed, Failing, Full
from adapters.postgres.database import SETTINGS
from adapters.postgres.drain import Waiting
from adapters.postgres.silence import Connection

_HURRY = "-c plan_cache_mode=force_generic_plan -c lock_timeout=250ms -c statement_timeout=60s"
# Plans are made once: the planner would make one for each drain, to save less than that takes.
_OPTIONS: dict[str, Any] = {
    **SETTINGS,
    "application_name": "everlog committer",
    "options": f"{SETTINGS['options']} {_HURRY}",
}
_ANSWER, _RATE = 3.0, 1_000_000
"""Seconds that a drain may take, and bytes for which it has a second more: then its outcome is in doubt."""
_ENDED = ("57P01", "57P02", "57P03", "57P05", "25006")
"""The server ends the session: on order, in a crash, while starting, after idling; or it takes no writes any more."""
_OF_THE_DATA = ("22", "23", "40", "55", "EV")
_OF_THE_SERVER = ("53", "57", "58")
"""It lacks something, was told to stop or took too long, or its files cannot be written: no fault of what was sent."""
_CLOSED = "EV001"
"""`everlog.guard_head` says that the log is closed."""
_FIND = """
    select position, recorded_at, generation from everlog.events
    where tenant_id = %s and stream = %s and version = %s and event_id = %s"""


Answers = list[tuple[bytes | None, ...]]


class Broken(Exception):
    """The connection is lost; what was sent may have been written or not."""


class Away(Broken):
    """There was no connection to be had; nothing was sent."""


class Rejected(Exception):
    """The server refused a whole drain; nothing was written."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Link:
    """`returned` is called whenever there is a connection again, perhaps with a server that lacks a tail."""

    def __init__(self, url: str, returned: Callable[[], object] = bool) -> None:
        self._url = url
        self._returned = returned
        self._connected = False
        self._connection: Connection | None = None
        self._patience = _ANSWER
        """Seconds that the statement under way may take."""

    def append(self, parameters: Sequence[bytes]) -> Answers:
        """The rows of one drain's answer, in binary. Raises `Broken` or `Rejected`."""
        self.send(drain.NAME, parameters)
        return self.receive()

    def send(self, name: bytes, parameters: Sequence[bytes]) -> None:
        """Have one of the statements under way; `receive` comes next. Raises `Broken` or `Rejected`."""
        connection = self._connection or self._connect()
        self._patience = _ANSWER + sum(map(len, parameters)) / _RATE
        try:
            connection.pgconn.send_query_prepared(name, parameters, [1] * len(parameters), 1)
            connection.wait(generators.send(connection.pgconn), timeout=self._patience)
        except psycopg.Error as problem:
            self.close()
            raise Broken from problem

    def receive(self) -> Answers:
        """What came of the statement that was sent. Raises `Broken` or `Rejected`."""
        connection = self._connection
        if connection is None:
            raise Broken
        try:
            [result] = connection.wait(generators.fetch_many(connection.pgconn), timeout=self._patience)
        except psycopg.Error as problem:
            self.close()
            raise Broken from problem
        if result.status != ExecStatus.TUPLES_OK:
            self._raise(connection, result)
        columns = range(result.nfields)
        return [tuple(result.get_value(row, column) for column in columns) for row in range(result.ntuples)]

    def restore(self) -> bool:
        """Whether there is a connection, tried once."""
        try:
            self._connect()
        except (Broken, Rejected):
            return False
        return True

    def find(self, waiting: Waiting) -> Committed | None:
        """An atom that a lost connection wrote after all. Raises `Broken`."""
        entries = waiting.atom.entries
        if not entries:
            return None
        first = entries[0]
        key = [waiting.tenant, first.stream, first.version, first.event_id]
        try:
            connection = self._connection or self._connect()
            with connection.transaction():
                connection.execute("select set_config('app.tenant', %s, true)", [str(waiting.tenant)])
                found = connection.execute(_FIND, key).fetchone()
        except (Rejected, psycopg.Error) as problem:
            self.close()
            raise Broken from problem
        return Committed(found[0], found[0] + len(entries) - 1, found[1], found[2]) if found else None

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def _connect(self) -> Connection:
        self.close()
        try:
            connection = Connection.connect(self._url, **_OPTIONS)
            connection.patience = _ANSWER
            [(read_only,)] = connection.execute("show transaction_read_only")
        except psycopg.Error as problem:
            raise Away from problem
        if read_only == "on":
            connection.close()
            raise Away
        for each in (drain, put):
            self._prepare(connection, each.NAME, each.SQL, each.TYPES)
        self._connection = connection
        if self._connected:
            self._returned()
        self._connected = True
        return connection

    def _prepare(self, connection: Connection, name: bytes, sql: bytes, types: Sequence[int]) -> None:
        try:
            connection.pgconn.send_prepare(name, sql, types)
            [prepared] = connection.wait(generators.execute(connection.pgconn))
        except psycopg.Error as problem:
            raise Away from problem
        if prepared.status != ExecStatus.COMMAND_OK:
            self._raise(connection, prepared)

    def _raise(self, connection: Connection, result: PGresult) -> NoReturn:
        state = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
        if connection.pgconn.status != ConnStatus.OK or state in _ENDED or not state:
            self.close()
            raise Broken(state)
        if state[:2] not in _OF_THE_DATA:
            # A statement that was prepared against another release's functions is prepared anew.
            self.close()
        raise Rejected(_told(psycopg.errors.error_from_result(result)))


def _told(problem: psycopg.Error) -> Exception:
    """A server's error in the library's words, without the values it quotes."""
    if isinstance(problem, psycopg.errors.LockNotAvailable):
        return Busy("Another writer holds the tenant's log. Try again.")
    if isinstance(problem, psycopg.errors.DiskFull):
        return Full("The database's disk is full.")
    if problem.sqlstate == _CLOSED:
        return Closed("The tenant is moving.")
    if (problem.sqlstate or "")[:2] in _OF_THE_SERVER:
        return Failing(f"The database cannot write just now ({problem.sqlstate}).")
    name = next(base.__name__ for base in type(problem).__mro__ if base.__module__ == "psycopg")
    kind = getattr(library, name, library.DatabaseError)
    told: Exception = kind(f"{problem.diag.message_primary} ({problem.sqlstate})")
    told.__cause__ = None
    return told

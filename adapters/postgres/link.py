"""The committer's own connection: one prepared statement, sent and answered in binary, below psycopg's cursors."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import eventsourcing.persistence as library
import psycopg
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult

from adapters.postgres import drain
from adapters.postgres.atom import Busy, Committed
from adapters.postgres.database import SETTINGS
from adapters.postgres.drain import Waiting

_NAME = b"append"
_HURRY = "-c plan_cache_mode=force_generic_plan -c lock_timeout=250ms -c statement_timeout=60s"
# Plans are made once: the planner would make one for each drain, to save less than that takes.
_OPTIONS: dict[str, Any] = {
    **SETTINGS,
    "application_name": "everlog committer",
    "options": f"{SETTINGS['options']} {_HURRY}",
    "connect_timeout": 5,
    # A server that is gone without a word is noticed.
    "keepalives_idle": 10,
    "tcp_user_timeout": 30_000,
}
_ENDED = ("57P01", "57P02", "57P03", "57P05", "25006")
"""The server ends the session: on order, in a crash, while starting, after idling; or it takes no writes any more."""
_OF_THE_DATA = ("22", "23", "40", "55")
_FIND = """
    select position, recorded_at, generation from everlog.events
    where tenant_id = %s and stream = %s and version = %s and event_id = %s"""


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
        self._connection: psycopg.Connection[Any] | None = None

    def append(self, parameters: Sequence[bytes]) -> list[tuple[bytes | None, ...]]:
        """The rows of one drain's answer. Raises `Broken` or `Rejected`."""
        connection = self._connection or self._connect()
        result = connection.pgconn.exec_prepared(_NAME, parameters, [1] * len(parameters), 1)
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
        key = [waiting.tenant, str(first.originator_id), first.originator_version, first.event_id]
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

    def _connect(self) -> psycopg.Connection[Any]:
        self.close()
        try:
            connection = psycopg.connect(self._url, **_OPTIONS)
            [(read_only,)] = connection.execute("show transaction_read_only")
        except psycopg.Error as problem:
            raise Away from problem
        if read_only == "on":
            connection.close()
            raise Away
        prepared = connection.pgconn.prepare(_NAME, drain.SQL, drain.TYPES)
        if prepared.status != ExecStatus.COMMAND_OK:
            self._raise(connection, prepared)
        self._connection = connection
        if self._connected:
            self._returned()
        self._connected = True
        return connection

    def _raise(self, connection: psycopg.Connection[Any], result: PGresult) -> None:
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
    name = next(base.__name__ for base in type(problem).__mro__ if base.__module__ == "psycopg")
    kind = getattr(library, name, library.DatabaseError)
    told: Exception = kind(f"{problem.diag.message_primary} ({problem.sqlstate})")
    told.__cause__ = None
    return told

"""A server that says nothing: for how long it is waited for, so that nobody waits for ever.

A connection that is cut is noticed at once. One whose packets vanish is not, and a proxy or a stopped server may go on
acknowledging them; so besides the kernel's own limits each exchange has one here.
"""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import _WaitTimeout as WaitTimeout

T = TypeVar("T")

ANSWER = 4.0
"""Seconds that somebody who waits at the edge gives a statement, a free connection included."""
WORK = 15.0
"""Seconds that a worker gives a statement."""
LEAST = 0.5
"""Seconds that a statement has, however long it took to get a connection."""
_INTERVAL = 0.1
"""psycopg's own: how often it looks up from its wait."""

LIMITS = {
    # Seconds for making a connection, at each address of the server.
    "connect_timeout": 3,
    # Milliseconds for which what was sent may stay unacknowledged.
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
OPTIONS = (
    # The server's side of it: a session whose client is gone without a word, or was stopped in the midst of a
    # transaction, gives back what others wait for.
    "-c idle_in_transaction_session_timeout=10s -c tcp_user_timeout=10s"
    " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
)


class Silent(psycopg.OperationalError):
    """The server did not answer in time; the connection is closed. What was asked may have been done."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The server did not answer for {seconds:.1f} s.")


class Connection(psycopg.Connection[Any]):
    """Raises `Silent` where an exchange takes more than `patience` seconds."""

    patience = WORK

    def wait(self, gen: PQGen[T], interval: float = _INTERVAL, timeout: float | None = None) -> T:
        seconds = self.patience if timeout is None else timeout
        try:
            return super().wait(gen, interval, seconds)
        except WaitTimeout as late:
            self.pgconn.finish()
            raise Silent(seconds) from late


class AsyncConnection(psycopg.AsyncConnection[Any]):
    """The same, for the event loop."""

    patience = WORK

    async def wait(self, gen: PQGen[T], interval: float = _INTERVAL, timeout: float | None = None) -> T:  # noqa: ASYNC109 - it is psycopg's signature
        seconds = self.patience if timeout is None else timeout
        try:
            return await super().wait(gen, interval, seconds)
        except WaitTimeout as late:
            self.pgconn.finish()
            raise Silent(seconds) from late

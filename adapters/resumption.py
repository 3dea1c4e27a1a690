"""What comes before anything is served from a log that was put back or promoted: erasures again, a new generation."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec import Struct

from adapters.erasures import Erasures
from adapters.ledger import Began, Ledger
from adapters.log.resume import resume
from adapters.postgres.roles import Connection
from adapters.postgres.walls import enter
from domain.tenancy import Cause

HEADS = "select tenant_id, generation from everlog.heads order by tenant_id"


class Resumption(Struct, frozen=True):
    """What was done. `copied` counts the entries that copies of the ledger held and it did not."""

    generation: int
    logs: int
    erased: int
    copied: int


class Session:
    """One connection in autocommit, asked as one tenant at a time: `adapters.erasures.Asked`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def query(self, tenant: UUID, sql: str, params: Any = ()) -> list[Any]:
        with self._connection.transaction():
            enter(self._connection, tenant)
            cursor = self._connection.execute(sql.encode(), params)
            return cursor.fetchall() if cursor.description else []


def begin_again(
    connection: Connection,
    heads: Sequence[tuple[UUID, int]],
    ledger: Ledger,
    copies: Iterable[Path],
    cause: Cause,
) -> Resumption:
    """Erase again who was erased, and begin a generation later than any that the ledger or a log has seen.

    `heads` are all tenants with their generations, `copies` further ledgers to learn from. Cut short, it is done again
    from the start, with one generation more.
    """
    copied = ledger.take_over(copies)
    generation = 1 + max([ledger.generation, *(each for _, each in heads)])
    # First: whatever becomes of the logs, no number is used twice.
    ledger.add([Began(generation, cause, datetime.now(UTC))])
    erased = Erasures(Session(connection), ledger).replay()
    logs = resume(connection, [tenant for tenant, _ in heads], generation, cause)
    return Resumption(generation, logs, erased, copied)

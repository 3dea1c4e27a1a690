"""Two writers and a reader, step by step by hand: what a sequence does to a reader, and what our log does not.

Each function answers with the positions that a reader passed over, though they were committed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.pq import ExecStatus

from adapters.postgres import drain
from adapters.postgres.claims import claim
from adapters.postgres.committer import Committer
from adapters.postgres.database import SETTINGS, Database, found
from adapters.postgres.drain import Waiting
from adapters.postgres.recorder import Recorder
from tests.adapters.postgres.atoms import atom, stream

Positions = list[int]


class Sequence:
    """A table numbered by a sequence, as most event stores have it."""

    def __init__(self, connection: psycopg.Connection[tuple[int]]) -> None:
        self.name = f"plain_{uuid4().hex}"
        connection.execute(f"create table {self.name} (number bigserial primary key)".encode())

    def insert(self, connection: psycopg.Connection[tuple[int]]) -> int:
        [(number,)] = connection.execute(f"insert into {self.name} default values returning number".encode())
        return number

    def after(self, connection: psycopg.Connection[tuple[int]], number: int) -> Positions:
        query = f"select number from {self.name} where number > %s order by number".encode()
        return [found for (found,) in connection.execute(query, [number])]


def later_commits_first(url: str) -> Positions:
    """A later number commits first, and a reader goes on behind the greatest it has seen: what caught Emmett.

    Against a plain sequence.
    """
    with psycopg.connect(url, autocommit=True) as reader, psycopg.connect(url) as one, psycopg.connect(url) as two:
        table = Sequence(reader)
        first, second = table.insert(one), table.insert(two)
        two.commit()
        seen = table.after(reader, 0)
        one.commit()
        seen += table.after(reader, max(seen))
        reader.execute(f"drop table {table.name}".encode())
    return sorted({first, second} - set(seen))


def gap_is_given_up(url: str) -> Positions:
    """A reader that waits at a gap, and gives one up that only a rollback can explain: what caught Marten.

    Against a plain sequence. From the outside a writer that is slow looks as one that has rolled back.
    """
    with psycopg.connect(url, autocommit=True) as reader, psycopg.connect(url) as one, psycopg.connect(url) as two:
        table = Sequence(reader)
        rolled_back = table.insert(one)
        one.rollback()
        slow, committed = table.insert(one), table.insert(two)
        two.commit()
        seen = table.after(reader, 0)
        # Both numbers are missing alike; the mark is moved past them when they have been missing for long enough.
        assert seen == [committed] and rolled_back < slow < committed  # noqa: PT018 - one state of the table
        one.commit()
        seen += table.after(reader, committed)
        reader.execute(f"drop table {table.name}".encode())
    return sorted({slow, committed} - set(seen))


class Hand:
    """A writer that holds its append open until told."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._connection = connection
        assert connection.pgconn.prepare(b"by hand", drain.SQL, drain.TYPES).status == ExecStatus.COMMAND_OK

    def append(self, tenant: UUID) -> int | None:
        """In a transaction that stays open; the position, or None where another writer holds the tenant."""
        self._connection.execute("begin")
        event = atom(stream(), 1)
        # In company of a tenant that is not there, nobody is waited for.
        waiting = [Waiting(each, event, claim(event), 0.0, print) for each in (tenant, uuid4())]
        values = drain.parameters(drain.grouped(waiting))
        result = self._connection.pgconn.exec_prepared(b"by hand", values, [1] * len(values), 1)
        assert result.status == ExecStatus.TUPLES_OK, result.error_message
        rows = [[result.get_value(row, column) for column in range(result.nfields)] for row in range(result.ntuples)]
        [base] = [said.base for said in map(drain.answer, rows) if not said.missing]
        return None if base is None else base + 1

    def commit(self) -> None:
        self._connection.execute("commit")

    def rollback(self) -> None:
        self._connection.execute("rollback")


@contextmanager
def two_hands(url: str) -> Iterator[tuple[Hand, Hand]]:
    known: dict[str, Any] = SETTINGS
    with psycopg.connect(url, **known) as one, psycopg.connect(url, **known) as two:
        yield Hand(one), Hand(two)


def ours(url: str) -> Positions:
    """All of it against our log: the later writer has no number before the earlier one has committed."""
    tenant, other = uuid4(), uuid4()
    with Database(url) as database, Committer(url) as committer, two_hands(url) as (one, two):
        found(database, tenant)
        found(database, other)
        log = Recorder(tenant, database, committer)
        seen = Positions()

        def read() -> None:
            seen.extend(row[0] for row in log.rows(seen[-1] if seen else 0, 100))

        # Another takes a number, and gives it back: there is no gap.
        assert one.append(tenant) == 1
        one.rollback()
        # A later writer cannot have a later number while the first is open, not even one that waits for it.
        given = {one.append(tenant): True}
        assert two.append(tenant) is None
        two.rollback()
        waits = committer.submit(tenant, atom(stream(), 1))
        # Nor does it hold up another tenant's.
        assert two.append(other) == 1
        two.commit()
        read()
        assert not waits.done()
        assert seen == []
        one.commit()
        read()
        given[waits.result(30).last] = True
        read()
    assert None not in given
    return sorted(position for position in given if position is not None and position not in seen)

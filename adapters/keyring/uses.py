"""Which processes had tenants' keys opened by a key service, kept in the database until the trail tells of it."""

import logging
from collections.abc import Callable
from threading import Lock
from time import monotonic
from uuid import UUID, uuid4

import psycopg
from msgspec import Struct

from adapters.keyring.cache import bound
from adapters.postgres.database import Database
from domain.keys import Use

EVERY = 600.0
"""Seconds for which what a process asks again and again is only counted."""
MOST = 1_000
"""Processes that one fact names."""
_MOST = 20_000
_NOTE = """
    insert into everlog.key_uses as k (tenant_id, process, program, own, opened, refused)
    values (%s, %s, %s, %s, %s, %s)
    on conflict (tenant_id, batch, process, own) do update
    set until = greatest(k.since, clock_timestamp()),
        opened = k.opened + excluded.opened, refused = k.refused + excluded.refused"""
_UNCLAIMED = UUID(int=0)
_BEGUN = "select batch from everlog.key_uses where tenant_id = %s and batch <> %s limit 1"
# What begins later than it is now was written before the clock went back, and would wait until it is there again.
_CLAIM = """
    update everlog.key_uses set batch = %(batch)s
    where tenant_id = %(tenant)s and batch = %(unclaimed)s and (process, own) in (
        select process, own from everlog.key_uses
        where tenant_id = %(tenant)s and batch = %(unclaimed)s
            and not (since between clock_timestamp() - make_interval(secs => %(age)s) and clock_timestamp())
        order by since limit %(most)s)
    returning 1"""
_CLAIMED = """
    select program, process, own, since, until, opened, refused from everlog.key_uses
    where tenant_id = %s and batch = %s order by since, process, own"""
_SETTLE = "delete from everlog.key_uses where tenant_id = %s and batch = %s"
_log = logging.getLogger(__name__)


class Counted(Struct):
    """Of one tenant, not written down yet."""

    opened: int = 0
    refused: int = 0
    due: float = 0.0


class Uses:
    """One process's. What it asks first is written down at once, what it asks again within `EVERY` counted first."""

    def __init__(self, database: Database, program: str, clock: Callable[[], float] = monotonic) -> None:
        self.process = uuid4()
        self._database = database
        self._program = program
        self._clock = clock
        self._counted: dict[tuple[UUID, bool], Counted] = {}
        self._lock = Lock()

    def note(self, tenant: UUID, *, own: bool, opened: int = 0, refused: int = 0) -> None:
        """So many keys were opened, and so often was it refused. Called after each, from any thread."""
        with self._lock:
            counted = self._counted.setdefault((tenant, own), Counted())
            counted.opened += opened
            counted.refused += refused
            if self._clock() < counted.due:
                return
            told = counted.opened, counted.refused
            self._counted[tenant, own] = Counted(due=self._clock() + EVERY)
            bound(self._counted, _MOST)
        try:
            self._database.query(tenant, _NOTE, [tenant, self.process, self._program, own, *told])
        except psycopg.Error as problem:
            # A full disk keeps nobody from reading. What was not written down is, with what comes next.
            _log.warning("The use of keys could not be written down: %s", type(problem).__name__)
            with self._lock:
                counted = self._counted.setdefault((tenant, own), Counted())
                self._counted[tenant, own] = Counted(counted.opened + told[0], counted.refused + told[1])


class Untold:
    """One tenant's, whatever process they are of. The database's role is the worker's."""

    def __init__(self, tenant: UUID, database: Database) -> None:
        self._tenant = tenant
        self._database = database

    def claim(self, age: float) -> tuple[UUID, tuple[Use, ...]] | None:
        """What began `age` seconds ago or earlier, under an identifier that stays the same until it is `settle`d.

        Whoever was cut short in between gets the same again; None where there is nothing.
        """
        [(batch,)] = self._database.query(self._tenant, _BEGUN, [self._tenant, _UNCLAIMED]) or [(None,)]
        if batch is None:
            batch = uuid4()
            named = {"tenant": self._tenant, "batch": batch, "unclaimed": _UNCLAIMED, "age": age, "most": MOST}
            if not self._database.query(self._tenant, _CLAIM, named):
                return None
        return batch, tuple(Use(*row) for row in self._database.query(self._tenant, _CLAIMED, [self._tenant, batch]))

    def settle(self, batch: UUID) -> None:
        """It stands in the trail."""
        self._database.query(self._tenant, _SETTLE, [self._tenant, batch])

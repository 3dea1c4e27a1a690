"""Queries answered from a streaming replica where it has what they ask for, and from the primary where it has not."""

import logging
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from threading import Event, Thread
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from adapters.postgres.check import Unsafe, check
from adapters.postgres.database import SETTINGS, Database
from adapters.postgres.reads import ReadModels, TenantReads
from adapters.postgres.silence import Connection
from application.ports import Unanswered
from domain.kernel import Refused

_log = logging.getLogger(__name__)

BEHIND = 5.0
"""Seconds that a replica may be behind the primary and still be asked."""
_EVERY = 0.5
_LOOKS = 40
"""So many are remembered, several times what goes into `BEHIND`: whoever is further behind is not asked anyway."""
_OPTIONS: dict[str, Any] = {**SETTINGS, "connect_timeout": 2}
_WAIT = 0.1
"""Seconds that a query for a position waits for the replica before it goes to the primary."""
_CLUSTER = "select system_identifier from pg_control_system()"
_WRITTEN = "select pg_current_wal_lsn()::text"
_REPLAYED = "select pg_is_in_recovery(), pg_last_wal_replay_lsn()::text"
_LOST = (psycopg.OperationalError, PoolTimeout, PoolClosed)


class Replica:
    """A replica, and a thread that sees how far it is. `models` makes the read models over its database.

    `fit` says whether it may be asked just now: it is of the same cluster, its walls stand, and all that the primary
    had written `BEHIND` seconds ago is in it.
    """

    def __init__(self, primary: str, url: str, models: Callable[[Database], ReadModels]) -> None:
        self._until = 0.0
        """When it is fit no longer (monotonic), however long the next look takes."""
        self._told = False
        self._urls = primary, url
        self._database = Database(url, patience=1.0)
        self._models = models(self._database)
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="replica", daemon=True)

    @property
    def fit(self) -> bool:
        return monotonic() < self._until

    async def start(self) -> None:
        await self._database.start()
        self._thread.start()

    async def stop(self) -> None:
        self._stop.set()
        self._until = 0.0
        await self._database.stop()

    def beside(self, primary: ReadModels) -> Callable[[UUID], "Spread"]:
        """A tenant's read models, for one query each."""
        return lambda tenant: Spread(self, primary.of(tenant), self._models.of(tenant))

    def doubt(self, why: object) -> None:
        """It did not answer: it is not asked until it has been looked at again."""
        if self._told:
            _log.warning("The replica is not asked for now (%s).", type(why).__name__)
        self._until, self._told = 0.0, False

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                with ExitStack() as stack:
                    primary, replica = (stack.enter_context(_connected(url)) for url in self._urls)
                    _must_belong(primary, replica)
                    self._follow(primary, replica)
            except (psycopg.Error, Unsafe, Foreign) as problem:
                self.doubt(problem)
            self._stop.wait(_EVERY)

    def _follow(self, primary: Connection, replica: Connection) -> None:
        """Until either is lost or silent, or the replica is none any more."""
        written: deque[tuple[float, int]] = deque(maxlen=_LOOKS)
        while not self._stop.is_set():
            written.append((monotonic(), _place(primary.execute(_WRITTEN).fetchall()[0][0])))
            follows, replayed = replica.execute(_REPLAYED).fetchall()[0]
            if not follows:
                raise Foreign
            while len(written) > 1 and written[1][1] <= _place(replayed):
                written.popleft()
            at, place = written[0]
            self._until = at + BEHIND if place <= _place(replayed) else 0.0
            if self.fit != self._told:
                self._told = self.fit
                how = "asked from now on" if self._told else f"{monotonic() - at:.1f} s behind"
                _log.warning("The replica is %s.", how)
            self._stop.wait(_EVERY)


class Foreign(Exception):
    """What calls itself the replica follows another primary, or none."""


class Spread:
    """`projections.kernel.Reads` for one query: from the replica, or from the primary once that has failed it."""

    def __init__(self, replica: Replica, primary: TenantReads, far: TenantReads) -> None:
        self.tenant = primary.tenant
        self._replica = replica
        self._primary = primary
        self._far = far
        self._asks = replica.fit

    async def reached(self, position: int, seconds: float, generation: int | None = None, views: Any = ()) -> bool:
        if self._asks:
            try:
                self._asks = await self._far.reached(position, _WAIT, generation, views)
            except _LOST as problem:
                self._give_up(problem)
            if self._asks:
                return True
        return await self._primary.reached(position, seconds, generation, views)

    async def one(self, *asked: Any, **named: Any) -> Any:
        return await self._ask(TenantReads.one, *asked, **named)

    async def page(self, *asked: Any, **named: Any) -> Any:
        return await self._ask(TenantReads.page, *asked, **named)

    async def counts(self, *asked: Any, **named: Any) -> Any:
        return await self._ask(TenantReads.counts, *asked, **named)

    async def daily(self, *asked: Any, **named: Any) -> Any:
        return await self._ask(TenantReads.daily, *asked, **named)

    async def changed(self, *asked: Any, **named: Any) -> Any:
        return await self._ask(TenantReads.changed, *asked, **named)

    async def tally(self, *asked: Any, **named: Any) -> Any:
        return await self._ask(TenantReads.tally, *asked, **named)

    async def lag(self) -> Any:
        return await self._primary.lag()

    async def _ask(self, how: Callable[..., Coroutine[Any, Any, Any]], *asked: Any, **named: Any) -> Any:
        if self._asks:
            try:
                return await how(self._far, *asked, **named)
            except _LOST as problem:
                self._give_up(problem)
            except (Unanswered, Refused):
                # The view, or the generation that a cursor is of, may not have arrived there yet.
                self._asks = False
        return await how(self._primary, *asked, **named)

    def _give_up(self, problem: Exception) -> None:
        self._asks = False
        # A query that stood in the way of replaying was cancelled; the replica is well.
        if not isinstance(problem, psycopg.errors.TransactionRollback):
            self._replica.doubt(problem)


def _connected(url: str) -> Connection:
    made = Connection.connect(url, **_OPTIONS)
    made.patience = BEHIND
    return made


def _must_belong(primary: Connection, replica: Connection) -> None:
    """Raises `Foreign`, and `Unsafe` where the replica could leak: it has the same walls, but another role may ask."""
    one, other = (each.execute(_CLUSTER).fetchall() for each in (primary, replica))
    if one != other:
        raise Foreign
    check(replica)


def _place(lsn: str | None) -> int:
    """A place in the write-ahead log as a number."""
    high, _, low = (lsn or "0/0").partition("/")
    return (int(high, 16) << 32) + int(low, 16)

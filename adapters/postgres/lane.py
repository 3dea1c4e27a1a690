"""One thread of the committer: gathers what waits, writes it, answers."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from uuid import UUID

from msgspec import Struct

from adapters.postgres import drain
from adapters.postgres.atom import Atom, Busy, Committed, Unsettled
from adapters.postgres.claims import claim
from adapters.postgres.clock import Clock
from adapters.postgres.drain import Waiting
from adapters.postgres.link import Away, Broken, Link, Rejected

_log = logging.getLogger(__name__)
_TRIES = 2
"""How often a tenant whose head is held by another writer is passed over before it is waited for."""
_BREATH = 0.001
_PAUSE = 0.05
"""Seconds between two looks at a held head, and at a lost server."""


class Limits(Struct, frozen=True):
    """How much may wait, and how much goes into one drain."""

    room: int = 10_000
    """Atoms waiting in one lane."""
    share: int = 5_000
    """Of one tenant."""
    entries: int = 4_000
    """Events in one drain, unless one atom alone has more."""
    size: int = 8_000_000
    """Bytes in one drain, with the same exception."""
    patience: float = 30.0
    """Seconds that an atom waits for a lost server, or for a head that another writer holds."""


class Drained(Struct, frozen=True):
    """One drain, for metrics."""

    atoms: int
    entries: int
    tenants: int
    seconds: float
    """From sending to the answer."""
    waits: Sequence[float]
    """Per atom, seconds from its submission to its answer."""


class Lane:
    def __init__(
        self,
        url: str,
        on_commit: Callable[[UUID, int, int], None],
        on_drain: Callable[[Drained], None] | None,
        limits: Limits,
        on_return: Callable[[], object],
    ) -> None:
        self._link = Link(url, on_return)
        self._on_commit = on_commit
        self._on_drain = on_drain
        self._limits = limits
        self._arrived: SimpleQueue[Waiting | None] = SimpleQueue()
        self._waiting: deque[Waiting] = deque()
        self._counts: Counter[UUID] = Counter()
        self._total = 0
        self._clock = Clock()
        self._lock = Lock()
        self._closing = True
        self._thread: Thread | None = None

    def start(self) -> None:
        self._closing = False
        self._thread = Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._lock:
            self._closing = True
            self._arrived.put(None)
        if self._thread:
            self._thread.join()

    def submit(self, tenant: UUID, atom: Atom) -> Future[Committed]:
        waiting = Waiting(tenant, atom, claim(atom), time.monotonic())
        with self._lock:
            if self._closing:
                raise Busy("The committer is closed.")
            if self._total >= self._limits.room or self._counts[tenant] >= self._limits.share:
                raise Busy("Too many appends wait already. Try again.")
            self._total += 1
            self._counts[tenant] += 1
            self._arrived.put(waiting)
        return waiting.future

    @property
    def waiting(self) -> int:
        return self._total

    def _run(self) -> None:
        while self._gather(patient=True):
            batch = self._choose()
            try:
                self._write(batch)
            except Exception as problem:  # noqa: BLE001 - whatever it is, callers are told and the thread goes on
                _log.exception("The committer failed; the appends of this drain may or may not have been written.")
                for waiting in batch:
                    self._settle(waiting, Unsettled(str(problem)))
                self._waiting = deque(waiting for waiting in self._waiting if not waiting.future.done())
        self._link.close()

    def _gather(self, *, patient: bool) -> bool:
        """Take over what has arrived, and wait where nothing has. False when there is nothing and never will be."""
        ended = False
        while True:
            try:
                more = self._arrived.get(block=patient and not self._waiting and not ended)
            except Empty:
                break
            if more is None:
                ended = True
            else:
                self._waiting.append(more)
        if ended:
            # Seen again when all that waits is written.
            self._arrived.put(None)
        return bool(self._waiting) or not ended

    def _choose(self) -> list[Waiting]:
        """The next drain: in order of arrival, without two that hold the same thing."""
        held: dict[UUID, set[object]] = {}
        chosen: list[Waiting] = []
        left: list[Waiting] = []
        entries = size = 0
        # A tenant that was passed over too often is waited for alone, though not for long.
        alone = self._waiting[0].tenant if self._waiting[0].tries > _TRIES else None
        while self._waiting and len(left) < self._limits.entries:
            waiting = self._waiting.popleft()
            claims = waiting.claims
            seen = held.setdefault(waiting.tenant, set())
            free = seen.isdisjoint(claims.holds) and seen.isdisjoint(claims.reads)
            seen |= claims.holds
            if not free or (alone and waiting.tenant != alone):
                left.append(waiting)
                continue
            full = entries + claims.entries > self._limits.entries or size + claims.size > self._limits.size
            if chosen and full:
                left.append(waiting)
                break
            if waiting.sent or waiting.future.set_running_or_notify_cancel():
                waiting.sent = True
                chosen.append(waiting)
                entries += claims.entries
                size += claims.size
            else:
                self._release(waiting)
        self._waiting.extendleft(reversed(left))
        return chosen

    def _write(self, batch: Sequence[Waiting]) -> None:
        """One drain; where it fails, its tenants one by one, then its atoms, so that one bad byte fails one caller."""
        if not batch:
            return
        groups = drain.grouped(batch)
        began = time.monotonic()
        try:
            rows = self._link.append(drain.parameters(groups))
        except Away:
            self._wait(batch)
        except Broken:
            for waiting in batch:
                waiting.doubt = True
            self._wait(batch)
        except Rejected as problem:
            self._split(groups, problem)
        else:
            start = 0
            answers = [drain.answer(row) for row in rows]
            for (tenant, members), said in zip(groups, answers, strict=True):
                self._answer(tenant, said, start, members)
                start += len(members)
            if all(said.busy for said in answers):
                time.sleep(_BREATH)
            self._report([members for (_, members), said in zip(groups, answers, strict=True) if not said.busy], began)

    def _split(self, groups: Sequence[tuple[UUID, Sequence[Waiting]]], problem: Rejected) -> None:
        """Nothing of this drain was written: each tenant again by itself, or each atom of the only one."""
        if len(groups) > 1:
            for _, members in groups:
                self._write(members)
        elif isinstance(problem.reason, Busy):
            self._again(groups[0][1], tries=0)
        elif len(groups[0][1]) > 1:
            for waiting in groups[0][1]:
                self._write([waiting])
        else:
            self._settle(groups[0][1][0], problem.reason)

    def _answer(self, tenant: UUID, said: drain.Answer, start: int, members: Sequence[Waiting]) -> None:
        if said.busy:
            self._again(members, tries=members[0].tries + 1)
            return
        self._clock.look(tenant, said)
        last = 0
        for waiting, told in drain.outcomes(said, start, members):
            outcome = self._recovered(waiting, told) if waiting.doubt else told
            if outcome is None:
                self._again([waiting], tries=0)
                continue
            self._settle(waiting, outcome)
            if isinstance(outcome, Committed) and not outcome.repeated:
                last = max(last, outcome.last)
        if last:
            self._on_commit(tenant, said.generation, last)

    def _recovered(self, waiting: Waiting, told: Committed | Exception) -> Committed | Exception | None:
        """The outcome of what a lost connection may have written already; None where that cannot be told now."""
        if isinstance(told, Committed) and not told.repeated:
            return told
        try:
            found = self._link.find(waiting)
        except Broken:
            return None
        if found or waiting.atom.entries or isinstance(told, Committed):
            return found or told
        # Without an event there is nothing to know it by.
        return Unsettled(f"The connection was lost, and now the log says: {told}")

    def _again(self, members: Sequence[Waiting], tries: int) -> None:
        """Another writer holds the tenant: these come first next time, until their patience ends."""
        for waiting in members:
            waiting.tries = tries
        self._waiting.extendleft(reversed(members))
        self._expire("Another writer holds the tenant's log.")

    def _wait(self, batch: Sequence[Waiting]) -> None:
        """Until the database answers again. What is in doubt is then sent again, refused if it stands, and found."""
        self._waiting.extendleft(reversed(batch))
        while not self._link.restore() and self._waiting:
            self._expire("The database was lost and did not come back in time.")
            time.sleep(_PAUSE)
            self._gather(patient=False)

    def _expire(self, why: str) -> None:
        overdue = time.monotonic() - self._limits.patience
        late = [waiting for waiting in self._waiting if waiting.since < overdue]
        if late:
            self._waiting = deque(waiting for waiting in self._waiting if waiting.since >= overdue)
        for waiting in late:
            self._settle(waiting, Unsettled(why) if waiting.doubt else Busy(why))

    def _settle(self, waiting: Waiting, outcome: Committed | Exception) -> None:
        if waiting.future.done():
            return
        self._release(waiting)
        if isinstance(outcome, Exception):
            waiting.future.set_exception(outcome)
        else:
            waiting.future.set_result(outcome)

    def _release(self, waiting: Waiting) -> None:
        with self._lock:
            self._total -= 1
            self._counts[waiting.tenant] -= 1
            if not self._counts[waiting.tenant]:
                del self._counts[waiting.tenant]

    def _report(self, groups: Sequence[Sequence[Waiting]], began: float) -> None:
        if self._on_drain and groups:
            now = time.monotonic()
            settled = [waiting for members in groups for waiting in members]
            entries = sum(waiting.claims.entries for waiting in settled)
            waits = [now - waiting.since for waiting in settled]
            self._on_drain(Drained(len(settled), entries, len(groups), now - began, waits))

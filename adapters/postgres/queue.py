"""What waits to be written by one lane: bounded altogether and per tenant, and chosen from in order of arrival."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from queue import Empty, SimpleQueue
from threading import Lock
from uuid import UUID

from msgspec import Struct

from adapters.postgres.atom import Atom, Busy, Committed
from adapters.postgres.claims import claim
from adapters.postgres.drain import Waiting

_TRIES = 2
"""How often a tenant whose head is held by another writer is passed over before it is waited for."""


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
    patience: float = 4.0
    """Seconds that an atom waits for a lost server, or for a head that another writer holds."""


class Queue:
    """`submit` is for any thread, all else for the lane's own."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._arrived: SimpleQueue[Waiting | None] = SimpleQueue()
        self._waiting: deque[Waiting] = deque()
        # By the integers of UUIDs, which hash many times faster than UUIDs do.
        self._counts: Counter[int] = Counter()
        self._lock = Lock()
        self._open = False
        self.total = 0

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        with self._lock:
            self._open = False
            self._arrived.put(None)

    def submit(self, tenant: UUID, atom: Atom, tell: Callable[[Committed | Exception], None]) -> None:
        """Raises `Busy`, and what `claim` does."""
        waiting = Waiting(tenant, atom, claim(atom), time.monotonic(), tell)
        with self._lock:
            if not self._open:
                raise Busy("The committer is closed.")
            if self.total >= self._limits.room or self._counts[tenant.int] >= self._limits.share:
                raise Busy("Too many appends wait already. Try again.")
            self.total += 1
            self._counts[tenant.int] += 1
            self._arrived.put(waiting)

    def gather(self, *, patient: bool) -> bool:
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

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def choose(self) -> list[Waiting]:
        """The next drain: in order of arrival, without two that hold the same thing."""
        held: dict[int, set[object]] = {}
        chosen: list[Waiting] = []
        left: list[Waiting] = []
        entries = size = 0
        # A tenant that was passed over too often is waited for alone, though not for long.
        alone = self._waiting[0].tenant if self._waiting and self._waiting[0].tries > _TRIES else None
        while self._waiting and len(left) < self._limits.entries:
            waiting = self._waiting.popleft()
            claims = waiting.claims
            seen = held.setdefault(waiting.tenant.int, set())
            free = seen.isdisjoint(claims.holds) and seen.isdisjoint(claims.reads)
            seen.update(claims.holds)
            if not free or (alone and waiting.tenant != alone):
                left.append(waiting)
                continue
            full = entries + claims.entries > self._limits.entries or size + claims.size > self._limits.size
            if chosen and full:
                left.append(waiting)
                break
            chosen.append(waiting)
            entries += claims.entries
            size += claims.size
        self._waiting.extendleft(reversed(left))
        return chosen

    def again(self, members: Sequence[Waiting]) -> None:
        """These come first next time."""
        self._waiting.extendleft(reversed(members))

    def overdue(self) -> list[Waiting]:
        """Those whose patience has ended, taken out."""
        limit = time.monotonic() - self._limits.patience
        late = [waiting for waiting in self._waiting if waiting.since < limit]
        if late:
            self._waiting = deque(waiting for waiting in self._waiting if waiting.since >= limit)
        return late

    def drop(self, members: Sequence[Waiting]) -> None:
        """Take out what was to come again."""
        dropped = {id(waiting) for waiting in members}
        self._waiting = deque(waiting for waiting in self._waiting if id(waiting) not in dropped)

    def release(self, settled: Iterable[Waiting]) -> None:
        """Make room for as many others."""
        with self._lock:
            for waiting in settled:
                tenant = waiting.tenant.int
                self.total -= 1
                self._counts[tenant] -= 1
                if not self._counts[tenant]:
                    del self._counts[tenant]

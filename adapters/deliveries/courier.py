"""Delivers one organisation's trail to its destinations, each from where it stands, in the order of the log.

A destination's mark moves on once it has accepted a parcel. Whatever ends the process before that, the parcel is sent
again: at least once, none left out.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from time import monotonic
from typing import Protocol
from uuid import UUID, uuid4

from msgspec.structs import replace

from adapters.deliveries.record import Declined, Failed, Parcel, Record, record
from adapters.deliveries.stand import Ready, Stand
from application.deliveries import Accept, Progress, Reject
from application.ports import Closed, Conflict, Log
from domain.deliveries import Added, Destination, deliveries
from domain.kernel import Actor, Meta, Recorded
from projections.audit import audit, told
from projections.kernel import Lag
from projections.ocsf import Anchor
from tenants.context import SYSTEM
from tenants.keys import Misplaced

_log = logging.getLogger(__name__)
MOST = 200
"""Records of a parcel."""
FIRST, LONGEST = 1.0, 300.0
"""Seconds until a destination is tried again: doubled each time, up to the longest."""
_WAIT = 10.0
"""Seconds that a fact of ours may take."""


class Deliver(Protocol):
    def deliver(self, to: Added, secret: str, parcel: Parcel) -> None:
        """Raises `Declined` and `Failed`."""
        ...


class Bound:
    """A destination with what is known of it here."""

    def __init__(self, id: UUID, changed: int, history: list[Recorded], mark: Progress) -> None:
        self.id = id
        self.changed = changed
        self.state: Destination = deliveries.fold(each.fact for each in history)
        self.version = len(history)
        self.mark = mark
        self.pause = 0.0
        self.due = 0.0

    def fail(self, now: float) -> None:
        self.pause = min(max(self.pause * 2, FIRST), LONGEST)
        self.due = now + self.pause


class Courier:
    """One tenant's: `projections.worker.Kept`.

    `opened` gives a destination's secret in the clear; `destroy` has the key gone that it lies under. `granted` raises
    where whoever owns the organisation's keys does not let it be read: then nothing is delivered, and no mark moves.
    """

    def __init__(
        self,
        log: Log,
        stand: Stand,
        ways: Deliver,
        opened: Callable[[UUID, UUID, bytes], str],
        destroy: Callable[[UUID], object],
        granted: Callable[[UUID], object],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.tenant = stand.tenant
        self._log = log
        self._stand = stand
        self._ways = ways
        self._opened = opened
        self._destroy = destroy
        self._granted = granted
        self._clock = clock
        self._bound: dict[UUID, Bound] = {}
        self._gone: set[UUID] = set()
        self._active: set[UUID] | None = None
        self._ready = Ready(0, 0, 0)
        self._seen = 0

    def step(self, seconds: float) -> int:
        """Deliver for about so long; how many records that was. Where one fails, the others go on."""
        until, done = self._clock() + seconds, 0
        self._look()
        for each in list(self._bound.values()):
            while self._clock() >= each.due and (some := self._next(each)):
                done += some
                if self._clock() >= until:
                    break
        return done

    def retry(self) -> None:
        for each in self._bound.values():
            each.due = 0.0

    def place(self) -> tuple[int, int]:
        return self._ready.generation, min([self._seen, *(each.mark.position for each in self._bound.values())])

    def lag(self) -> list[Lag]:
        """By destination; `parked` is 1 while it refuses what it is sent."""
        found = [self._behind(each) for each in self._bound.values()]
        idle = [Lag(str(id), 1, 0, 0.0, 0, self._ready.generation, 0, None) for id in self._gone]
        return found + idle

    def _behind(self, bound: Bound) -> Lag:
        behind = max(0, self._ready.head - bound.mark.position)
        oldest = self._log.read(bound.mark.position, 1) if behind else []
        age = (datetime.now(UTC) - oldest[0].at).total_seconds() if oldest else 0.0
        refused, mark = int(bound.state.rejected), bound.mark
        return Lag(str(bound.id), 1, behind, max(0.0, age), refused, mark.generation, mark.position, mark.at)

    def _look(self) -> None:
        """Which destinations there are, and what may leave."""
        self._seen, known, generation = self._stand.known()
        # Most organisations have none, and nothing more is asked about them.
        self._ready = self._stand.ready() if known else Ready(generation, self._seen, 0)
        if fresh := [id for id, changed in known.items() if self._changed(id, changed)]:
            marks = self._stand.marks()
            for id in fresh:
                self._stand.meet(id)
                history = list(self._log.stream(f"{deliveries.name}/{id}"))
                self._bound[id] = Bound(id, known[id], history, marks.get(id, Progress(0, 0, 0)))
        if known.keys() != self._active:
            self._active = set(known)
            self._close(self._stand.left(known))
        self._gone |= self._bound.keys() - known.keys()
        self._gone -= known.keys()
        # The view is a hint. Only the log says that a destination stands.
        kept = {id: each for id, each in self._bound.items() if id in known}
        self._bound = {id: each for id, each in kept.items() if not each.state.paused and not each.state.removed}
        for each in self._bound.values():
            each.mark = self._begun(each)

    def _close(self, left: Iterable[UUID]) -> None:
        """Nobody is to open the secret of a destination that was removed, as others could from a copy of the log."""
        for id in left:
            if deliveries.fold(each.fact for each in self._log.stream(f"{deliveries.name}/{id}")).removed:
                self._destroy(id)

    def _changed(self, id: UUID, changed: int) -> bool:
        return id not in self._bound or self._bound[id].changed != changed

    def _begun(self, bound: Bound) -> Progress:
        """The mark; at the beginning of the round, or before what a new generation of the log has changed."""
        mark, generation = bound.mark, self._ready.generation
        if mark.round < bound.state.round:
            return Progress(bound.state.round, generation, min(bound.state.after, self._ready.head))
        if mark.generation < generation:
            return replace(
                mark, generation=generation, position=min(mark.position, self._stand.began(mark.generation) - 1)
            )
        return mark

    def _next(self, bound: Bound) -> int:
        """One parcel; how many records it had."""
        if bound.mark.position >= self._ready.sealed or not bound.state.added:
            return 0
        # Also where neither its secret nor what it is sent needs a key.
        self._granted(self.tenant)
        try:
            parcel = self._parcel(bound.mark.position, circumstances=bound.state.added.circumstances)
            self._ways.deliver(bound.state.added, self._secret(bound), parcel)
        except Declined as problem:
            self._declined(bound, str(problem))
            return 0
        except Failed as problem:
            self._failed(bound, str(problem))
            return 0
        self._delivered(bound, parcel.records[-1].position)
        return len(parcel.records)

    def _secret(self, bound: Bound) -> str:
        if not bound.state.secret:
            return ""
        try:
            return self._opened(self.tenant, bound.id, bound.state.secret)
        except (LookupError, Misplaced):
            raise Declined("Its secret cannot be opened: give it again.") from None

    def _parcel(self, after: int, *, circumstances: bool) -> Parcel:
        ready = self._ready
        batch = self._log.read(after, MOST, ready.sealed)
        entries = [entry for each in batch for entry in audit.evolve([], each)]
        if circumstances:
            entries = list(self._log.open(tuple(entries)))
        leaves = self._stand.leaves([each.position for each in entries])
        records: list[Record] = []
        for each, entry, leaf in zip(batch, entries, leaves, strict=True):
            anchor = Anchor(tenant=self.tenant, generation=ready.generation, leaf=leaf, size=ready.sealed)
            records.append(record(entry, anchor, told(each), circumstances=circumstances))
        return Parcel(self.tenant, ready.generation, records)

    def _delivered(self, bound: Bound, position: int) -> None:
        bound.mark = Progress(bound.state.round, self._ready.generation, position, datetime.now(UTC))
        self._stand.done(bound.id, bound.mark)
        bound.pause = bound.due = 0.0
        if bound.state.rejected:
            _log.warning("Destination %s of tenant %s accepts again.", bound.id, self.tenant)
            self._tell(bound, Accept())

    def _declined(self, bound: Bound, why: str) -> None:
        if not bound.state.rejected:
            _log.error("Destination %s of tenant %s refuses the trail: %s", bound.id, self.tenant, why)
            self._tell(bound, Reject(why=why, after=bound.mark.position))
        self._failed(bound, why)

    def _failed(self, bound: Bound, why: str) -> None:
        if not bound.pause:
            _log.warning("Destination %s of tenant %s cannot be reached: %s", bound.id, self.tenant, why)
        self._stand.failed(bound.id, bound.mark, why)
        bound.fail(self._clock())

    def _tell(self, bound: Bound, command: Accept | Reject) -> None:
        """Record it. Where somebody else was first, the next look finds what they recorded."""
        facts = command.decide(bound.state)
        meta = Meta(event=uuid4(), actor=Actor("system", SYSTEM), permission=command.permission)
        try:
            self._log.submit(f"{deliveries.name}/{bound.id}", bound.version, facts, meta).result(_WAIT)
        except (Conflict, Closed):
            return
        bound.version += len(facts)
        for fact in facts:
            bound.state = deliveries.evolve(bound.state, fact)

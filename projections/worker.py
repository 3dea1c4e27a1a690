"""A worker: keeps the views of the tenants it holds leases for up with their logs, a few batches of each in turn."""

import logging
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from threading import Event
from time import monotonic
from typing import Protocol
from uuid import UUID

from msgspec.structs import replace

from projections.builds import SOON, Later
from projections.kernel import Lag

_log = logging.getLogger(__name__)

TURN = 0.5
"""Seconds that the tenants who are behind share: each goes on for its part before the next has its turn."""
_FIRST, _LONGEST = 0.5, 30.0
"""Seconds until a tenant whose views failed is tried again: doubled each time, up to the longest."""


class Leases(Protocol):
    seconds: float

    def renew(self) -> set[UUID]:
        """The tenants that are this worker's from now on, for `seconds`."""
        ...

    def release(self) -> None: ...


class Woken(Protocol):
    """Whose logs have moved; `all` where that may be anybody's."""

    @property
    def tenants(self) -> frozenset[UUID]: ...

    @property
    def all(self) -> bool: ...


class Kept(Protocol):
    """What is kept up with one tenant's log, such as its views by `projections.runner.Runner`."""

    def step(self, seconds: float) -> int:
        """Go on for about so long; whether there was anything to do. May raise `projections.builds.Later`."""
        ...

    def retry(self) -> object: ...

    def place(self) -> tuple[int, int]:
        """The generation and position that it is level with."""
        ...

    def lag(self) -> list[Lag]: ...


class Ear(Protocol):
    """Hears that logs have moved; what came while nobody waited counts."""

    def wait(self, seconds: float) -> Woken: ...


class Deaf:
    """Hears nothing: a worker with it lives by looking. `stop` ends the wait."""

    tenants: frozenset[UUID] = frozenset()
    all = False

    def __init__(self, stop: Event) -> None:
        self._stop = stop

    def wait(self, seconds: float) -> Woken:
        self._stop.wait(seconds)
        return self


class Worker:
    """`run` it in a thread of its own; any number share the tenants.

    `heads` tells every tenant's generation and last position. `poll` is how often, in seconds, the worker looks at them
    by itself; None leaves it to the ear alone. `measure` is told, as often as leases are renewed, how far the views are
    of each tenant that something has happened to.
    """

    def __init__(
        self,
        leases: Leases,
        heads: Callable[[], Iterable[tuple[UUID, int, int]]],
        runner: Callable[[UUID], Kept],
        ear: Ear,
        poll: float | None = 1.0,
        measure: Callable[[UUID, list[Lag]], object] | None = None,
        what: str = "views",
    ) -> None:
        self._leases = leases
        self._heads = heads
        self._runner = runner
        self._ear = ear
        self._poll = poll
        self._measure = measure
        self._what = what
        self._runners: dict[UUID, Kept] = {}
        self._behind: set[UUID] = set()
        self._due: set[UUID] = set()
        self._new: set[UUID] = set()
        self._strangers: set[UUID] = set()
        self._later: dict[UUID, tuple[float, float]] = {}
        self._last = UUID(int=0)
        self._renew_at = self._poll_at = self._renewed_at = 0.0

    def run(self, stop: Event) -> None:
        """Until told to stop; then the leases are given back."""
        try:
            while not stop.is_set():
                if not self._safely(self.turn):
                    self._rest()
        finally:
            self._safely(self._leases.release)

    def turn(self) -> bool:
        """Renew, look and fold as far as it is time to; whether there is more to do at once."""
        now = monotonic()
        if now >= self._renew_at:
            self._hold(self._leases.renew())
            self._renewed_at = now
            self._renew_at = now + self._leases.seconds / 3
            self._report()
        if self._poll is not None and now >= self._poll_at:
            heads = list(self._heads())
            self._meet({tenant for tenant, *_ in heads})
            self._due |= {tenant for tenant, *place in heads if self._moved(tenant, *place)}
            self._poll_at = now + self._poll
        for tenant in self._in_turn():
            if self._later.get(tenant, (0.0, 0.0))[0] <= now and not self._step(tenant):
                self._due.discard(tenant)
            self._last = tenant
            if monotonic() >= self._renew_at:
                # Whoever is still due comes first once the leases are renewed: others would take them meanwhile.
                break
        self._due &= self._runners.keys()
        return bool(self._due - self._later.keys())

    def _in_turn(self) -> list[UUID]:
        """Those with something to do, beginning behind the one that was last."""
        due = self._due & self._runners.keys()
        return sorted(due, key=lambda tenant: (tenant <= self._last, tenant))

    def _step(self, tenant: UUID) -> int:
        """A turn of one tenant, whose failure is not the others'."""
        runner = self._runners[tenant]
        self._behind.add(tenant)
        try:
            if tenant in self._new:
                # What an earlier release could not apply, this one perhaps can.
                runner.retry()
                self._new.discard(tenant)
            applied = runner.step(TURN / max(1, len(self._due)))
        except Later:
            self._later[tenant] = (monotonic() + SOON, _FIRST / 2)
            return 1
        except Exception as error:  # noqa: BLE001 - one tenant's trouble must not stop the others' views
            pause = min(self._later.get(tenant, (0.0, _FIRST / 2))[1] * 2, _LONGEST)
            self._later[tenant] = (monotonic() + pause, pause)
            # No traceback: it may quote what an event says.
            _log.error(
                "The %s of tenant %s failed (%s); again in %s s.", self._what, tenant, type(error).__name__, pause
            )
            return 1
        self._later.pop(tenant, None)
        return applied

    def _report(self) -> None:
        if self._measure:
            for tenant in (self._due | self._behind) & self._runners.keys():
                self._measure(tenant, self._runners[tenant].lag())
            self._behind = set(self._due)

    def _hold(self, tenants: set[UUID]) -> None:
        for lost in self._runners.keys() - tenants:
            runner = self._runners.pop(lost)
            self._later.pop(lost, None)
            if self._measure:
                # How far it is, is another's to tell from now on.
                self._measure(lost, [replace(each, positions=0, seconds=0.0, parked=0) for each in runner.lag()])
        for new in tenants - self._runners.keys():
            self._runners[new] = self._runner(new)
            self._due.add(new)
            self._new.add(new)

    def _meet(self, tenants: AbstractSet[UUID]) -> None:
        """A tenant never seen before is perhaps nobody's yet: look for leases at once, once."""
        if strangers := tenants - self._runners.keys() - self._strangers:
            self._strangers |= strangers
            self._renew_at = 0.0

    def _moved(self, tenant: UUID, generation: int, position: int) -> bool:
        runner = self._runners.get(tenant)
        return runner is not None and runner.place() != (generation, position)

    def _rest(self) -> None:
        now = monotonic()
        until = [self._renew_at, *(at for at, _ in self._later.values())]
        until += [self._poll_at] if self._poll is not None else []
        woken = self._ear.wait(max(0.0, min(until) - now))
        if not woken.tenants <= self._runners.keys():
            # Perhaps a new tenant, whose views should not have to wait for their turn; perhaps another worker's.
            self._renew_at = min(self._renew_at, self._renewed_at + _FIRST)
        self._meet(woken.tenants)
        self._due |= self._runners.keys() if woken.all else woken.tenants & self._runners.keys()

    def _safely(self, work: Callable[[], object]) -> object:
        """The database may be away: say so and go on when it is back."""
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker goes on
            # No traceback: it may quote a password.
            _log.error("The worker failed (%s).", type(error).__name__)
            self._renew_at = self._poll_at = monotonic() + _FIRST
            return False

"""The erasing part of a worker: the approved erasures of each tenant leased to it, one pass after the other."""

import threading
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

import structlog

from api.learning import opened
from application.ports import Log
from application.predictions import Learner
from application.privacy import Erasing
from domain.privacy import Learned
from domain.prospects import prospects

_log = structlog.get_logger(__name__)


class Eraser:
    """`renew` answers with the tenants that are this worker's for now, and is called every `pause` seconds."""

    def __init__(self, renew: Callable[[], set[UUID]], pause: float, of: Callable[[UUID], Erasing]) -> None:
        self._renew = renew
        self._pause = pause
        self._of = of
        self._held: dict[UUID, Erasing] = {}

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(self._pause):
            try:
                self.advance()
            except Exception as problem:  # noqa: BLE001 - the database may be away: go on when it is back
                _log.warning("privacy.failed", problem=type(problem).__name__)

    def advance(self) -> int:
        """One pass; how many erasures were finished. What fails for one tenant waits, the others go on."""
        finished = 0
        mine = self._renew()
        self._held = {tenant: self._held.get(tenant) or self._of(tenant) for tenant in sorted(mine)}
        for tenant, erasing in self._held.items():
            try:
                finished += erasing.advance()
            except Exception as problem:  # noqa: BLE001 - whatever it is, the next pass tries again
                _log.warning("privacy.not-erased", tenant=str(tenant), problem=type(problem).__name__)
        return finished


class Replayed:
    """`application.privacy.Unlearning`: a tenant's models by folding its log from the beginning.

    They are folded beside whatever else the process does, so it takes as long as a worker that starts to learn anew.
    """

    def __init__(self, log: Log, learner: Callable[[], Learner]) -> None:
        self._log = log
        self._learner = learner

    def teaches(self, subject: UUID) -> bool:
        return next(self._log.stream(f"{prospects.name}/{subject}", 1), None) is not None

    def states(self, positions: Iterable[int]) -> Mapping[int, tuple[Learned, ...]]:
        found = dict[int, tuple[Learned, ...]]()
        learner, wanted = None, sorted(set(positions))
        for position in wanted:
            learner = learner or self._learner()
            for recorded in opened(self._log, position, learner.position):
                learner.step(recorded)
            found[position] = (Learned(learner.name, learner.digest(), learner.build),)
        return found

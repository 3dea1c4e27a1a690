"""What a worker does for each tenant leased to it, one pass after the other: erasures, scheduled reports."""

import threading
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import structlog

_log = structlog.get_logger(__name__)


class Work(Protocol):
    """One tenant's."""

    def advance(self) -> int:
        """Do what there is to do, and tell how much that was. Cut short, the next pass goes on."""
        ...


class Rounds:
    """`renew` answers with the tenants that are this worker's for now, and is called every `pause` seconds.

    `job` is the capability that the work is for, by which the logs tell of trouble.
    """

    def __init__(self, job: str, renew: Callable[[], set[UUID]], pause: float, of: Callable[[UUID], Work]) -> None:
        self._job = job
        self._renew = renew
        self._pause = pause
        self._of = of
        self._held: dict[UUID, Work] = {}

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(self._pause):
            try:
                self.advance()
            except Exception as problem:  # noqa: BLE001 - the database may be away: go on when it is back
                _log.warning(f"{self._job}.failed", problem=type(problem).__name__)

    def advance(self) -> int:
        """One pass; how much was done. What fails for one tenant waits, the others go on."""
        done = 0
        mine = self._renew()
        self._held = {tenant: self._held.get(tenant) or self._of(tenant) for tenant in sorted(mine)}
        for tenant, work in self._held.items():
            try:
                done += work.advance()
            except Exception as problem:  # noqa: BLE001 - whatever it is, the next pass tries again
                _log.warning(f"{self._job}.not-done", tenant=str(tenant), problem=type(problem).__name__)
        return done

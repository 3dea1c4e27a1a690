"""The checking part of a worker: the whole record of each tenant leased to it is looked at, one after the other.

Each look is a process of its own at the lowest priority: whoever works beside it does not wait for it, and what it held
in memory is gone with it.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

import msgspec
import structlog

from api.settings import LEASH, Settings, environment
from application.ports import Log
from application.proofs import Looked, Looks
from domain.proofs import Checked, proofs

WITHHELD = 3
"""The exit code where the organisation's owner has closed its keys."""
_log = structlog.get_logger(__name__)
_AGAIN = 24
"""Where it could not be looked at all, the next try comes after this part of the time between two looks."""
_IDLEST = 19
_NOW = datetime(1970, 1, 1, tzinfo=UTC)
"""Due at once."""
_LATE = timedelta(hours=1)
"""What a look may take, besides twice the time between two, before somebody is told."""


class Told(Protocol):
    """Whom the outcomes are told: `adapters.telemetry.checks.Checks`."""

    def note(self, tenant: UUID, *, sound: bool) -> None: ...

    def took(self, seconds: float) -> None: ...

    def failed(self, tenant: UUID) -> None: ...

    def withheld(self, tenant: UUID) -> None: ...

    def keep(self, tenants: AbstractSet[UUID]) -> None: ...


class Unlooked(Exception):
    """It could not be looked at; named by the kind of problem."""


class Withheld(Exception):
    """The organisation's owner has closed its keys: that it cannot be looked at is as they will."""


class _Away(Exception):
    """Whether a tenant is still this worker's cannot be said now: that says nothing about its record."""


class Look:
    """Has a tenant's record looked at by another process; `meanwhile` is called every `pause` seconds."""

    def __init__(self, settings: Settings, pause: float = 2.0) -> None:
        self._environment = environment(settings)
        self._pause = pause

    def __call__(self, tenant: UUID, meanwhile: Callable[[], bool]) -> Checked | None:
        """What was found; None where `meanwhile` said to end it. Raises `Unlooked` and `Withheld`."""
        leash = os.environ.get(LEASH)
        child = subprocess.Popen(
            [sys.executable, "-m", "api.check", str(tenant)],
            env=self._environment,
            pass_fds=(int(leash),) if leash else (),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, child.pid, _IDLEST)
        try:
            return self._answer(child, meanwhile)
        finally:
            child.kill()
            child.wait()

    def _answer(self, child: subprocess.Popen[bytes], meanwhile: Callable[[], bool]) -> Checked | None:
        told = None
        while told is None:
            try:
                told, _ = child.communicate(timeout=self._pause)
            except subprocess.TimeoutExpired:
                if not meanwhile():
                    return None
        if child.returncode == WITHHELD:
            raise Withheld
        if child.returncode:
            raise Unlooked(told.decode() or f"status {child.returncode}")
        return msgspec.json.decode(told, type=Checked)


class Checker:
    """`renew` answers with the tenants that are this worker's for now, and is called every `pause` seconds.

    A tenant is looked at `hours` after it began, and then as long after each look, whoever had it made: 0 for never.
    What `looks` remembers counts, and the log only before that: whoever owns the database can append a look to it.
    """

    def __init__(
        self,
        renew: Callable[[], set[UUID]],
        pause: float,
        hours: float,
        logs: Callable[[UUID], Log],
        look: Callable[[UUID, Callable[[], bool]], Checked | None],
        looks: Looks,
        told: Told,
    ) -> None:
        self._renew = renew
        self._pause = pause
        self._every = timedelta(hours=hours)
        self._logs = logs
        self._look = look
        self._looks = looks
        self._told = told
        self._due: dict[UUID, datetime] = {}
        self._warned = datetime.now(UTC)

    def run(self, stop: threading.Event) -> None:
        while self._every and not stop.wait(self._pause):
            try:
                self.advance(stop)
            except Exception as problem:  # noqa: BLE001 - the database may be away: go on when it is back
                _log.warning("proofs.failed", problem=type(problem).__name__)

    def advance(self, stop: threading.Event) -> int:
        """Look at those that are due; how many that were."""
        self._hold()
        looked = 0
        for tenant in sorted(self._due, key=lambda each: self._due[each]):
            # Another worker may have taken it over since.
            if not stop.is_set() and tenant in self._due and self._is_due(tenant):
                looked += self._one(tenant, lambda: self._go_on(stop))
        return looked

    def _is_due(self, tenant: UUID) -> bool:
        """Or due so late that the clock must have gone back since."""
        now = datetime.now(UTC)
        return not now <= self._due[tenant] <= now + self._every

    def _one(self, tenant: UUID, meanwhile: Callable[[], bool]) -> bool:
        try:
            found = self._look(tenant, meanwhile)
            if found is not None:
                self._found(tenant, found)
        except _Away:
            raise
        except Exception as problem:  # noqa: BLE001 - whatever it is, the others are looked at
            self._due[tenant] = datetime.now(UTC) + self._every / _AGAIN
            self._unlooked(tenant, problem)
            return False
        return found is not None

    def _found(self, tenant: UUID, found: Checked) -> None:
        self._due[tenant] = datetime.now(UTC) + self._every
        self._told.took(found.seconds)
        self._told.note(tenant, sound=found.sound)
        for each in found.faults:
            _log.error("proofs.not-sound", tenant=str(tenant), type=each.kind, count=each.count, position=each.position)
        self._looks.put(tenant, Looked(found.at, found.sound))

    def _unlooked(self, tenant: UUID, problem: Exception) -> None:
        if isinstance(problem, Withheld):
            self._told.withheld(tenant)
            _log.info("proofs.withheld", tenant=str(tenant))
            before = self._looks.last(tenant)
            self._looks.put(tenant, Looked(datetime.now(UTC), before.sound if before else None, withheld=True))
        else:
            self._told.failed(tenant)
            words = f"{problem}" if isinstance(problem, Unlooked) else type(problem).__name__
            _log.error("proofs.not-checked", tenant=str(tenant), problem=words)

    def _go_on(self, stop: threading.Event) -> bool:
        try:
            self._hold()
        except Exception as problem:
            raise _Away from problem
        return not stop.is_set()

    def _warn(self) -> None:
        """Name those of the key folder whose look is late, whoever should have made it.

        Not as soon as this worker begins: after a pause all are late, and about to be looked at.
        """
        now = datetime.now(UTC)
        if now - self._warned < max(self._every / _AGAIN, _LATE):
            return
        self._warned = now
        for tenant, at in self._looks.all().items():
            if now - at > self._every * 2 + _LATE:
                _log.error("proofs.overdue", tenant=tenant, seconds=round((now - at).total_seconds()))

    def _hold(self) -> None:
        # First, and of the folder's files: the database may be kept from saying which tenants there are.
        self._warn()
        held = self._renew()
        self._due = {tenant: at for tenant, at in self._due.items() if tenant in held}
        self._told.keep(held)
        for tenant in held - self._due.keys():
            self._due[tenant] = self._taken(tenant)

    def _taken(self, tenant: UUID) -> datetime:
        """When a tenant that is this worker's from now on is due."""
        try:
            looked = self._looks.last(tenant) or self._first(tenant)
            if looked.sound is not None:
                self._told.note(tenant, sound=looked.sound)
            return looked.at + (self._every / _AGAIN if looked.withheld else self._every)
        except Exception as problem:  # noqa: BLE001 - what its log holds keeps no other tenant from being looked at
            _log.warning("proofs.failed", tenant=str(tenant), problem=type(problem).__name__)
            return _NOW

    def _first(self, tenant: UUID) -> Looked:
        """What is remembered of one that this folder does not know: what its log says, but nothing later than now."""
        log, now = self._logs(tenant), datetime.now(UTC)
        found = [each for each in log.stream(f"{proofs.name}/{tenant}") if isinstance(each.fact, Checked)]
        looked = Looked(min([now, *(each.at for each in log.read(0, 1))]))
        if found and isinstance(last := found[-1].fact, Checked):
            looked = Looked(min(now, found[-1].at, last.at), last.sound)
        self._looks.put(tenant, looked)
        return looked

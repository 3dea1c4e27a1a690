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
from domain.proofs import Checked, proofs

WITHHELD = 3
"""The exit code where the organisation's owner has closed its keys."""
_log = structlog.get_logger(__name__)
_AGAIN = 24
"""Where it could not be looked at all, the next try comes after this part of the time between two looks."""
_IDLEST = 19


class Told(Protocol):
    """Whom the outcomes are told: `adapters.telemetry.checks.Checks`."""

    def note(self, tenant: UUID, at: datetime, *, sound: bool) -> None: ...

    def took(self, seconds: float) -> None: ...

    def failed(self, tenant: UUID) -> None: ...

    def withheld(self, tenant: UUID) -> None: ...

    def keep(self, tenants: AbstractSet[UUID]) -> None: ...


class Unlooked(Exception):
    """It could not be looked at; named by the kind of problem."""


class Withheld(Exception):
    """The organisation's owner has closed its keys: that it cannot be looked at is as they will."""


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
    """

    def __init__(
        self,
        renew: Callable[[], set[UUID]],
        pause: float,
        hours: float,
        logs: Callable[[UUID], Log],
        look: Callable[[UUID, Callable[[], bool]], Checked | None],
        told: Told,
    ) -> None:
        self._renew = renew
        self._pause = pause
        self._every = timedelta(hours=hours)
        self._logs = logs
        self._look = look
        self._told = told
        self._due: dict[UUID, datetime] = {}

    def run(self, stop: threading.Event) -> None:
        while self._every and not stop.wait(self._pause):
            try:
                self.advance(stop)
            except Exception as problem:  # noqa: BLE001 - the database may be away: go on when it is back
                _log.warning("proofs.failed", problem=type(problem).__name__)

    def advance(self, stop: threading.Event) -> int:
        """Look at those that are due; how many that were."""
        self._hold()
        now, looked = datetime.now(UTC), 0
        for tenant in sorted(self._due, key=lambda each: self._due[each]):
            # Another worker may have taken it over since.
            if not stop.is_set() and self._due.get(tenant, now) < now:
                looked += self._one(tenant, lambda: self._go_on(stop))
        return looked

    def _one(self, tenant: UUID, meanwhile: Callable[[], bool]) -> bool:
        try:
            found = self._look(tenant, meanwhile)
        except (Unlooked, Withheld) as problem:
            self._due[tenant] = datetime.now(UTC) + self._every / _AGAIN
            self._unlooked(tenant, problem)
            return False
        if found is None:
            return False
        self._due[tenant] = datetime.now(UTC) + self._every
        self._told.took(found.seconds)
        self._told.note(tenant, found.at, sound=found.sound)
        for each in found.faults:
            _log.error("proofs.not-sound", tenant=str(tenant), type=each.kind, count=each.count, position=each.position)
        return True

    def _unlooked(self, tenant: UUID, problem: Unlooked | Withheld) -> None:
        if isinstance(problem, Withheld):
            self._told.withheld(tenant)
            _log.info("proofs.withheld", tenant=str(tenant))
        else:
            self._told.failed(tenant)
            _log.error("proofs.not-checked", tenant=str(tenant), problem=f"{problem}")

    def _go_on(self, stop: threading.Event) -> bool:
        self._hold()
        return not stop.is_set()

    def _hold(self) -> None:
        held = self._renew()
        self._due = {tenant: at for tenant, at in self._due.items() if tenant in held}
        self._told.keep(held)
        for tenant in held - self._due.keys():
            if at := self._last(tenant):
                self._due[tenant] = at + self._every

    def _last(self, tenant: UUID) -> datetime | None:
        """When it was looked at last, or began; None before that."""
        log = self._logs(tenant)
        found = [each.fact for each in log.stream(f"{proofs.name}/{tenant}") if isinstance(each.fact, Checked)]
        if found:
            self._told.note(tenant, found[-1].at, sound=found[-1].sound)
            return found[-1].at
        first = log.read(0, 1)
        return first[0].at if first else None

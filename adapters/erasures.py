"""Erasing subjects, and forgetting tenants, so that no restore brings them back: the ledger is told before all else."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Protocol
from uuid import UUID

from adapters.ledger import Erased, Forgotten, Ledger
from tenants.context import SYSTEM

_NOTED = """
    insert into everlog.subject_keys as k (tenant_id, subject, epoch, wrapped, erased_at)
    select %s, given.subject, 0, null, given.at from unnest(%s::uuid[], %s::timestamptz[]) as given (subject, at)
    on conflict (tenant_id, subject) do update set wrapped = null, erased_at = excluded.erased_at, epoch = {}
    where k.wrapped is not null"""
"""A subject of whom the database has not heard is noted as well: no key is ever minted for it again."""
ERASE, _AGAIN = _NOTED.format("k.epoch"), _NOTED.format(-1)
"""Whose key came back with a backup or a replica is marked: read models that came too hold what finds them."""
_GONE = """
    select count(*) from everlog.subject_keys
    where tenant_id = %s and subject = any(%s) and wrapped is null"""
_WHO = "select subject from everlog.subject_keys where tenant_id = %s and wrapped is null"
_HEAD = "select generation, position from everlog.heads where tenant_id = %s"
_CLOSE = "update everlog.heads set closed = 'left' where tenant_id = %s and closed is distinct from 'left'"
_LOOK = 100
"""Of the latest erasures, so many are looked at: where they stand, the earlier ones do."""


class Outdated(Exception):
    """The database is of before what the ledger tells; the message says what to do."""


class Asked(Protocol):
    """A database that is asked as one tenant."""

    def query(self, tenant: UUID, sql: str, params: Any = ()) -> list[Any]: ...


class Keys(Protocol):
    """Where keys are at hand."""

    def forget(self, tenant: UUID, subjects: Iterable[UUID]) -> None: ...

    def drop(self, tenant: UUID) -> None: ...


class Erasures:
    def __init__(self, database: Asked, ledger: Ledger, keys: Keys | None = None) -> None:
        self._database = database
        self._ledger = ledger
        self._keys = keys

    def erase(self, tenant: UUID, subjects: Sequence[UUID]) -> None:
        """Destroy the keys of subjects, for ever. Cut short, it is finished at the next start or restore."""
        now = datetime.now(UTC)
        entries = [Erased(tenant, subject, now) for subject in subjects]
        self._ledger.add(entries)
        self._apply(entries)

    def forget(self, tenant: UUID, subjects: Iterable[UUID]) -> None:
        """Let go of keys at hand that another process may have destroyed."""
        if self._keys:
            self._keys.forget(tenant, subjects)

    def leave(self, gone: Forgotten) -> None:
        """Forget a tenant, for ever: from here on no process opens anything of it, and all let go of its keys.

        Whoever calls this destroys what the keys lie under.
        """
        if gone.tenant not in self._ledger.gone():
            self._ledger.add([gone])
        if self._keys:
            self._keys.drop(gone.tenant)

    def erased(self, tenant: UUID) -> set[UUID]:
        """Whose keys are destroyed."""
        return {subject for (subject,) in self._database.query(tenant, _WHO, [tenant])}

    def settle(self) -> int:
        """Erase whom the ledger names and the database still knows, before anything is served; how many were looked at.

        Raises:
            Outdated: the logs are of an earlier generation than the last that was begun.
            adapters.ledger.Damaged: the ledger cannot be trusted.
        """
        began = self._ledger.generation
        head = self._database.query(SYSTEM, _HEAD, [SYSTEM])
        if began > (head[0][0] if head else 1):
            raise Outdated(
                f"Generation {began} of the logs was begun, and this database does not know of it: it was put back "
                "from a backup, or is another one. Run `everlog promote`, which begins a new generation and erases "
                f"again who was erased since; if it is meant to be a new database, move {self._ledger.path} away."
            )
        self._close()
        known = [each for each in self._ledger.read() if isinstance(each, Erased)]
        return 0 if self._stand(known[-_LOOK:]) else self.replay()

    def replay(self) -> int:
        """Erase everybody whom the ledger names; how many those are. A worker clears what else came back of them."""
        self._close()
        known = [each for each in self._ledger.read() if isinstance(each, Erased)]
        self._apply(known, _AGAIN)
        return len(known)

    def _close(self) -> None:
        """A backup may be of before a tenant has left: no log of one that was forgotten is live here again."""
        for tenant in self._ledger.gone():
            self._database.query(tenant, _CLOSE, [tenant])

    def _stand(self, entries: Sequence[Erased]) -> bool:
        return all(
            self._database.query(tenant, _GONE, [tenant, [*subjects]])[0][0] == len(subjects)
            for tenant, subjects in _by_tenant(entries)
        )

    def _apply(self, entries: Sequence[Erased], sql: str = ERASE) -> None:
        for tenant, subjects in _by_tenant(entries):
            self._database.query(tenant, sql, [tenant, [*subjects], [*subjects.values()]])
            self.forget(tenant, subjects)


def _by_tenant(entries: Iterable[Erased]) -> list[tuple[UUID, dict[UUID, datetime]]]:
    ordered = sorted(entries, key=lambda each: each.tenant.int)
    return [
        (tenant, {each.subject: each.at for each in found})
        for tenant, found in groupby(ordered, key=lambda each: each.tenant)
    ]

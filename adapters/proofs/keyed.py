"""Whose keys there are, held against the ledger: nobody who was erased has one, nobody else lost theirs."""

from uuid import UUID

from adapters.keyring import Ring
from adapters.ledger import Erased, Ledger
from adapters.postgres.database import Database
from projections.proofs.found import MOST, Findings
from tenants.keys import Misplaced

_KEYS = """
    select subject, wrapped is not null from everlog.subject_keys
    where tenant_id = %s and subject > %s order by subject limit 1000"""
_FIRST = "select min(position) from everlog.events where tenant_id = %s and position(%s::bytea in meta) > 0"
"""The log has no index by subject: it is read once for each key that is wrong."""
_NOBODY = UUID(int=0)


def keyed(tenant: UUID, database: Database, ring: Ring, ledger: Ledger, findings: Findings) -> int:
    """How many subjects were looked at. Raises `adapters.ledger.Damaged`, `tenants.keys.Missing`."""
    erased = _erased(tenant, ledger)
    after, count = _NOBODY, 0
    while rows := database.query(tenant, _KEYS, [tenant, after]):
        after = rows[-1][0]
        count += len(rows)
        if any(not alive and subject not in erased for subject, alive in rows):
            # Somebody may have been erased since: the ledger knew it before the key was gone.
            erased = _erased(tenant, ledger)
        # Together first: one by one is a question to the database each.
        good = _open(ring, [subject for subject, alive in rows if alive and subject not in erased])
        for subject, alive in rows:
            opens = not alive or good or _open(ring, [subject])
            if why := _wrong(alive=alive, erased=subject in erased, opens=opens):
                known = findings.counts["key"] < MOST
                first = database.query(tenant, _FIRST, [tenant, str(subject).encode()])[0][0] if known else None
                findings.row("key", why, subject, position=first)
    return count


def _wrong(*, alive: bool, erased: bool, opens: bool) -> str:
    if alive and erased:
        return "This subject was erased, and has a key again."
    if not alive and not erased:
        return "The key of this subject is gone, and nobody erased it."
    if not opens:
        return "The key of this subject is not the one that was wrapped for it."
    return ""


def _erased(tenant: UUID, ledger: Ledger) -> set[UUID]:
    return {each.subject for each in ledger.read() if isinstance(each, Erased) and each.tenant == tenant}


def _open(ring: Ring, subjects: list[UUID]) -> bool:
    try:
        ring.fetch(subjects)
    except (Misplaced, LookupError):
        return False
    return True

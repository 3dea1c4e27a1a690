"""Whose keys there are, held against the ledger: nobody who was erased has one, nobody else lost theirs."""

from uuid import UUID

from adapters.keyring import Ring
from adapters.ledger import Erased, Ledger
from adapters.postgres.database import Database
from projections.proofs.found import Findings
from tenants.keys import Misplaced

_KEYS = """
    select subject, wrapped is not null from everlog.subject_keys
    where tenant_id = %s and subject > %s order by subject limit 1000"""
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
        for subject, alive in rows:
            if alive and subject in erased:
                findings.row("key", "This subject was erased, and has a key again.", subject)
            elif not alive and subject not in erased:
                findings.row("key", "The key of this subject is gone, and nobody erased it.", subject)
            elif alive and not _opens(ring, subject):
                findings.row("key", "The key of this subject is not the one that was wrapped for it.", subject)
    return count


def _erased(tenant: UUID, ledger: Ledger) -> set[UUID]:
    return {each.subject for each in ledger.read() if isinstance(each, Erased) and each.tenant == tenant}


def _opens(ring: Ring, subject: UUID) -> bool:
    try:
        ring.fetch([subject])
    except (Misplaced, LookupError):
        return False
    return True

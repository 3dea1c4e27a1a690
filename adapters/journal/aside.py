"""Files that were set aside since a tenant in them had left, once that tenant is forgotten."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from adapters.journal.drain import LEFT, TENANT
from adapters.journal.segment import Segment, Unread


def remains(folder: Path, tenant: UUID, waits: Callable[[UUID], bool]) -> list[Segment]:
    """Those with reads of the tenant, and of no other for whom such a file `waits`. Drop them, or close them."""
    return [each for path in sorted(folder.glob(f"*.{LEFT}")) if (each := _of(path, tenant, waits))]


def _of(path: Path, tenant: UUID, waits: Callable[[UUID], bool]) -> Segment | None:
    segment = Segment.abandoned(path)
    if segment is None:
        return None
    named = {UUID(bytes=each[:TENANT]) for each in segment.frames() if not isinstance(each, Unread)}
    if tenant in named and not any(waits(other) for other in named - {tenant}):
        return segment
    segment.close()
    return None

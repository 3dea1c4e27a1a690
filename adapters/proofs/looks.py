"""When each tenant's whole record was last looked at: files beside the keys, out of reach of its database.

The log tells of each look too, but whoever owns the database can append one that nobody made.
"""

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec

from adapters.ledger import Ledger
from adapters.proofs.signer import FOLDER, put
from application.proofs import Looked

_SUFFIX = ".looked"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Looks:
    """`application.proofs.Looks`; any number of processes may share a folder."""

    def __init__(self, keys: Path) -> None:
        self._folder = keys / FOLDER
        self._ledger = Ledger(keys)
        self._known: dict[str, tuple[tuple[int, int], Looked]] = {}

    def last(self, tenant: UUID) -> Looked | None:
        path = self._path(tenant)
        return _read(path) if path.exists() else None

    def put(self, tenant: UUID, looked: Looked) -> None:
        """On disk when this returns. Raises `OSError`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / "looks.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            # A worker and `everlog audit verify` may have looked at the same time.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            put(self._path(tenant), msgspec.json.encode(looked))
        finally:
            os.close(descriptor)

    def all(self) -> dict[str, datetime]:
        before, known = self._known, dict[str, tuple[tuple[int, int], Looked]]()
        for path in self._folder.glob(f"*{_SUFFIX}"):
            stat = path.stat()
            state = stat.st_ino, stat.st_mtime_ns
            # Prometheus asks often, and looks are rare: what has not changed is not read again.
            same = before.get(path.stem)
            known[path.stem] = same if same and same[0] == state else (state, _read(path))
        self._known = known
        gone = {str(tenant) for tenant in self._ledger.gone()}
        return {name: looked.at for name, (_, looked) in known.items() if name not in gone}

    def _path(self, tenant: UUID) -> Path:
        return self._folder / f"{tenant}{_SUFFIX}"


def _read(path: Path) -> Looked:
    """What cannot be read stands for one that was never looked at: then it is looked at now."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Looked)
    except (OSError, msgspec.MsgspecError):
        return Looked(_NEVER)

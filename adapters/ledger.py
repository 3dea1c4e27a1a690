"""What must outlast a restore of the database: who was erased, which generations there were, who came and who left.

An append-only file of lines, each with a checksum, beside the keys and away from the database and its backups.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec import Struct

from domain.tenancy import Cause

NAME = "ledger"
_SUM = 16
_FORGOTTEN = b'"type":"forgotten"'
"""Stands in such an entry's line, and is looked for before a line is taken apart."""


class Erased(Struct, frozen=True, tag="erased"):
    tenant: UUID
    subject: UUID
    at: datetime


class Began(Struct, frozen=True, tag="began"):
    """All logs were to go on in this generation from here on."""

    generation: int
    cause: Cause
    at: datetime


class Came(Struct, frozen=True, tag="came"):
    """A tenant's log came from another installation, in a generation that was begun there."""

    tenant: UUID
    generation: int
    at: datetime
    note: str = ""
    """The last checkpoint that was signed there, once the log goes on here; none where nothing was signed."""
    key: str = ""
    """The verifier key that it is signed with."""


class Forgotten(Struct, frozen=True, tag="forgotten"):
    """A tenant's log goes on in another installation, and every key of it here is destroyed."""

    tenant: UUID
    at: datetime
    to: str
    """That installation's fingerprint."""
    origin: str
    """What the tree is called that was found to go on there, and its size and root (base64) when the log was closed."""
    size: int
    root: str


Entry = Erased | Began | Came | Forgotten


class Damaged(Exception):
    """A line of the ledger is not what was written; the message says which, and what to do."""


class Ledger:
    """Entries stand on disk when `add` returns. Any number of processes may share one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / NAME
        self._known: tuple[tuple[int, ...], list[Entry]] = (), []
        self._gone: tuple[int, int, Mapping[UUID, Forgotten]] = 0, 0, {}
        """Of which file, read up to where, and what was found of it."""

    def add(self, entries: Iterable[Entry]) -> None:
        """Raises `OSError`; then nothing may be done that relies on the entries."""
        lines = b"".join(_line(each) for each in entries)
        if not lines:
            return
        with self._open() as descriptor:
            # What a power cut left of a line was promised to nobody.
            os.ftruncate(descriptor, _whole(descriptor))
            os.lseek(descriptor, 0, os.SEEK_END)
            if os.write(descriptor, lines) < len(lines):
                raise OSError(f"{self.path} could not be written to its end: is its disk full?")
            os.fsync(descriptor)

    def read(self) -> list[Entry]:
        """In the order in which they were added; read again when the file is another. Raises `Damaged`."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return []
        # Taken before the file is read: of what is added meanwhile the next one to ask is told.
        state = found.st_ino, found.st_size, found.st_mtime_ns
        if state != self._known[0]:
            self._known = state, list(_read(self.path))
        return list(self._known[1])

    @property
    def generation(self) -> int:
        """The last that was begun; 0 where none was."""
        return max((each.generation for each in self.read() if isinstance(each, Began)), default=0)

    def came(self, tenant: UUID) -> Came | None:
        """What was noted last of a tenant that came from elsewhere."""
        found = [each for each in self.read() if isinstance(each, Came) and each.tenant == tenant]
        return found[-1] if found else None

    def gone(self) -> Mapping[UUID, Forgotten]:
        """The tenants that were forgotten. May be asked at every request: only what is new in the file is read.

        A damaged line tells nothing here; whoever starts the product hears of it.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return {}
        inode, at, gone = self._gone
        if found.st_ino != inode or found.st_size < at:
            at, gone = 0, {}
        if found.st_size > at:
            with self.path.open("rb") as file:
                file.seek(at)
                fresh = file.read()
            whole = fresh.rfind(b"\n") + 1
            lines = [each for each in fresh[:whole].splitlines() if _FORGOTTEN in each]
            entries = [msgspec.json.decode(body, type=Entry) for each in lines if (body := _body(each))]
            gone = {**gone, **{each.tenant: each for each in entries if isinstance(each, Forgotten)}}
            self._gone = found.st_ino, at + whole, gone
        return gone

    def take_over(self, others: Iterable[Path]) -> int:
        """Add what copies and earlier ledgers hold and this one does not; how many entries that were."""
        known = set(self.read())
        missing = [each for path in others for each in _read(path) if each not in known]
        self.add(dict.fromkeys(missing))
        return len(dict.fromkeys(missing))

    def earlier(self) -> list[Path]:
        """Those that were set aside."""
        return sorted(self.folder.glob(f"{NAME}.until-*"))

    def set_aside(self, now: datetime) -> None:
        """Begin another: the database it went with is no more."""
        if self.path.exists():
            self.path.rename(self.folder / f"{NAME}.until-{now:%Y%m%dT%H%M%S%f}")

    @contextmanager
    def _open(self) -> Iterator[int]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        finally:
            os.close(descriptor)


def _line(entry: Entry) -> bytes:
    body = msgspec.json.encode(entry)
    return _checksum(body) + b" " + body + b"\n"


def _checksum(body: bytes) -> bytes:
    return sha256(body).hexdigest()[:_SUM].encode()


def _whole(descriptor: int) -> int:
    """Up to where the file holds whole lines."""
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, size, 0).rfind(b"\n") + 1


def _read(path: Path) -> Iterator[Entry]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), 1):
        body = _body(line)
        if body is None:
            raise Damaged(
                f"Line {number} of {path} is damaged. Put the file back from a copy: each backup holds one, and "
                "`everlog restore` and `everlog promote` take over what copies hold more."
            )
        yield msgspec.json.decode(body, type=Entry)


def _body(line: bytes) -> bytes | None:
    """None where the line is not what was written."""
    checksum, _, body = line.partition(b" ")
    return body if checksum == _checksum(body) else None

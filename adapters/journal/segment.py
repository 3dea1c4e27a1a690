"""One file of the journal: frames with length and checksum, held by a lock for as long as its process lives."""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Self
from uuid import UUID, uuid4
from zlib import crc32

SUFFIX = ".reads"
_HEAD = struct.Struct(">II")


class Segment:
    """The lock goes when its process does, however that ends: a file that can be locked is nobody's."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.id = UUID(path.stem)
        self.size = 0
        self._descriptor = descriptor

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Raises `OSError`."""
        while True:
            path = folder / f"{uuid4()}{SUFFIX}"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                # Somebody who looks for abandoned files may have been quicker, and taken it away.
                if os.fstat(descriptor).st_nlink:
                    _sync_folder(folder)
                    return cls(path, descriptor)
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)

    @classmethod
    def abandoned(cls, path: Path) -> Self | None:
        """The file if no process holds it. Raises `OSError`."""
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if os.fstat(descriptor).st_nlink:
            return cls(path, descriptor)
        os.close(descriptor)
        return None

    def write(self, payloads: list[bytes]) -> None:
        """All on disk when it returns. Raises `OSError`; nothing more may be written to this file then."""
        whole = memoryview(b"".join(_HEAD.pack(len(each), crc32(each)) + each for each in payloads))
        self.size += len(whole)
        while whole:
            whole = whole[os.write(self._descriptor, whole) :]
        os.fdatasync(self._descriptor)

    def frames(self) -> Iterator[bytes]:
        """What is whole, from the beginning: a torn end was promised to nobody."""
        content = self.path.read_bytes()
        at = 0
        while at + _HEAD.size <= len(content):
            length, checksum = _HEAD.unpack_from(content, at)
            at += _HEAD.size
            payload = content[at : at + length]
            if len(payload) < length or crc32(payload) != checksum:
                return
            yield payload
            at += length

    def drop(self) -> None:
        """Take the file away: all of it is in the log."""
        self.path.unlink(missing_ok=True)
        self.close()

    def age(self) -> float:
        """Seconds since it was last written to."""
        return time() - os.fstat(self._descriptor).st_mtime

    def set_aside(self, why: str) -> None:
        """Keep a file that cannot be carried over where nobody looks for it again, under this ending."""
        self.path.rename(self.path.with_suffix(f".{why}"))
        self.close()

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

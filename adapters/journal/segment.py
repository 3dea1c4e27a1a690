"""One file of the journal: frames with length and checksums, held by a lock for as long as its process lives.

A frame is the payload's length, a checksum of that length, a checksum of the payload (CRC-32, four bytes each, most
significant first), and the payload. The length has a checksum of its own, so that a frame that was cut off can be told
from one that was damaged.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import time
from typing import NamedTuple, Self
from uuid import UUID, uuid4
from zlib import crc32

SUFFIX = ".reads"
_LENGTH = struct.Struct(">I")
_HEAD = struct.Struct(">III")
HEAD = _HEAD.size
"""Bytes of a frame before its payload."""
_UNWRITTEN = bytes(16)
"""An end of zeros was never written, though the file had been made longer already: no payload ends so."""


class Unread(NamedTuple):
    """A place where something was written that cannot be read any more: one frame or several."""

    begin: bytes
    """What stands there, as if it were a frame's payload."""


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
        whole = memoryview(b"".join(map(_frame, payloads)))
        self.size += len(whole)
        while whole:
            whole = whole[os.write(self._descriptor, whole) :]
        os.fdatasync(self._descriptor)

    def frames(self) -> Iterator[bytes | Unread]:
        """What was written, in order, with the places that cannot be read. A torn end was promised to nobody."""
        content = self.path.read_bytes()
        at = 0
        while at < len(content):
            payload = _payload(content, at)
            if payload is not None:
                yield payload
                at += HEAD + len(payload)
                continue
            behind = next((each for each in range(at + 1, len(content)) if _payload(content, each) is not None), None)
            if behind is None and _torn(content[at:]):
                return
            yield Unread(content[at + HEAD : behind])
            at = len(content) if behind is None else behind

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


def _frame(payload: bytes) -> bytes:
    return _HEAD.pack(len(payload), crc32(_LENGTH.pack(len(payload))), crc32(payload)) + payload


def _payload(content: bytes, at: int) -> bytes | None:
    """Of the frame that begins there; None where none does."""
    if at + HEAD > len(content):
        return None
    length, checked, checksum = _HEAD.unpack_from(content, at)
    if at + HEAD + length > len(content) or crc32(content[at : at + _LENGTH.size]) != checked:
        return None
    payload = content[at + HEAD : at + HEAD + length]
    return payload if crc32(payload) == checksum else None


def _torn(end: bytes) -> bool:
    """Whether what is behind the last whole frame was cut off while it was written."""
    if end.endswith(_UNWRITTEN):
        end = end.rstrip(b"\0")
    if len(end) < HEAD:
        return True
    length, checked = struct.unpack_from(">II", end)
    return bool(crc32(end[: _LENGTH.size]) == checked and HEAD + length > len(end))

"""A folder in which each key has a file: made once, never replaced, and remembered once it is destroyed."""

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from tenants.keys import Destroyed, Missing

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,127}")
_GONE = ".destroyed"
_OTHERS = 0o077


class Exposed(Exception):
    """Others than the owner may read the key folder."""


class Kept:
    """0600 files in a 0700 folder.

    A destroyed key leaves an empty file behind, so that a wrong folder, which knows nothing of the key, is never taken
    for an erasure.
    """

    def __init__(self, folder: Path) -> None:
        """Raises `Exposed` where the folder stands open to others, or is theirs."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & _OTHERS:
            raise Exposed(f"Others may look into the key folder {folder}. Close it: chmod 700 {folder}")
        if folder.stat().st_uid != os.geteuid():
            raise Exposed(f"The key folder {folder} belongs to another user. Take it: chown {os.geteuid()} {folder}")
        self._folder = folder

    def create(self, name: str, make: Callable[[], bytes]) -> None:
        """`make` gives what is to stand in a new file. Raises `tenants.keys.Destroyed`."""
        path = self.path(name)
        self.alive(name)
        if path.exists():
            return
        fresh = self._write(make())
        try:
            # Unlike a rename this never replaces a key that another process made in the meantime.
            os.link(fresh, path)
        except FileExistsError:
            return
        finally:
            fresh.unlink()
        self._sync()

    def alive(self, name: str) -> None:
        """Raises `tenants.keys.Destroyed`: another process may have destroyed what is still at hand in this one."""
        if self._mark(name).exists():
            raise Destroyed(name)

    def read(self, name: str) -> bytes:
        """Raises `tenants.keys.Missing`."""
        try:
            return self.path(name).read_bytes()
        except FileNotFoundError:
            raise Missing(
                f"The key folder {self._folder} holds no key {name}. Is it the one that this database was written with?"
            ) from None

    def destroy(self, name: str) -> None:
        path = self.path(name)
        self._mark(name).touch(0o600)
        self._sync()
        if path.exists():
            # File systems may keep the old blocks; a disk that must forget too is encrypted.
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                os.fsync(file.fileno())
            path.unlink()
            self._sync()

    def path(self, name: str) -> Path:
        if not _NAME.fullmatch(name) or name.endswith(_GONE):
            raise ValueError(f"{name!r} cannot name a key.")
        return self._folder / name

    def _write(self, key: bytes) -> Path:
        path = self._folder / f".{secrets.token_hex(8)}.new"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        return path

    def _sync(self) -> None:
        """Make what happened to names in the folder outlive a power cut."""
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _mark(self, name: str) -> Path:
        return self._folder / f"{name}{_GONE}"

"""Where the servers' own files lie, and as whom they run.

An ordinary user runs them in the data folder itself. Root may not run PostgreSQL at all, and an unprivileged account
usually cannot reach root's folders; so as root the programs and the servers' data lie in a folder of their own, and no
mode of any folder that stood before is changed. Passwords, logs and key files stay in the data folder, out of reach
of the servers' account.
"""

import os
from pathlib import Path

from msgspec import Struct

from adapters.embedded.binaries import Binaries


class Account(Struct, frozen=True):
    name: str
    uid: int
    gid: int


class Place(Struct, frozen=True):
    """`folder` is the data folder, `home` holds the servers' files: ours, but for the data of each server."""

    folder: Path
    home: Path
    account: Account | None
    """Who runs the servers; None: whoever we are."""
    binaries: Binaries

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def data(self, name: str) -> Path:
        """A folder that a server may write to, made if it is missing."""
        folder = self.home / name
        if not folder.exists():
            folder.mkdir(mode=0o700)
            if self.account:
                os.chown(folder, self.account.uid, self.account.gid)
        return folder

    def config(self, name: str, text: str) -> Path:
        """A file that a server may read, not change; replaced whole."""
        folder = self.home / "config"
        if not folder.exists():
            folder.mkdir(mode=0o750)
            self._show(folder)
        fresh = folder / f"{name}.new"
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(os.fsencode(text))
        if self.account:
            self._show(fresh)
            fresh.chmod(0o640)
        return fresh.replace(folder / name)

    def _show(self, path: Path) -> None:
        if self.account:
            os.chown(path, -1, self.account.gid)

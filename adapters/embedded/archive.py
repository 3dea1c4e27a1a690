"""Where PostgreSQL keeps what it has written, for restores to a point in time."""

import os
import subprocess
from pathlib import Path

from adapters.embedded.place import Place
from adapters.embedded.refusal import CannotStart


def prepare(place: Place, archive: Path) -> None:
    """The folder, made if it is missing, writable for the server alone. Raises `CannotStart`."""
    try:
        if not archive.exists():
            archive.mkdir(mode=0o700, parents=True)
            if place.account:
                os.chown(archive, place.account.uid, place.account.gid)
    except OSError as problem:
        raise CannotStart(
            f"The archive {archive} cannot be made: {problem.strerror}. Choose another for EVERLOG_ARCHIVE."
        ) from problem
    if not _writable(place, archive):
        who = place.account.name if place.account else "this user"
        raise CannotStart(
            f"PostgreSQL, run by {who}, cannot write to the archive {archive}. Give it the folder and a way to it, or "
            "choose another for EVERLOG_ARCHIVE."
        )


def _writable(place: Place, archive: Path) -> bool:
    if not place.account:
        return os.access(archive, os.W_OK | os.X_OK)
    account = {"user": place.account.uid, "group": place.account.gid, "extra_groups": []}
    done = subprocess.run(["/usr/bin/test", "-w", archive, "-a", "-x", archive], cwd="/", check=False, **account)  # type: ignore[call-overload] # the types are those of `run`
    return bool(done.returncode == 0)

"""One supervisor for a data folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.embedded.refusal import CannotStart


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder. The kernel lets go when the process dies, so a lock file left behind means nothing."""
    path = folder / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as problem:
        raise CannotStart(f"{path} cannot be opened: {problem.strerror}. {_advice(path)}") from problem
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise CannotStart(
                f"Another Everlog (process {holder}) already runs the servers in {folder}. "
                "Stop it first, or choose another data folder."
            ) from problem
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _advice(path: Path) -> str:
    standing = path if path.exists() else path.parent
    return (
        f"{standing} belongs to uid {standing.stat().st_uid}: start as that user, or choose a data folder of your own."
    )

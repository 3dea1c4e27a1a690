"""The servers' log files. A server is given its log opened, so it needs no right to the folder they lie in."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LARGEST = 16 * 2**20


def tail(log: Path, lines: int = 8) -> str:
    """The last lines, for a message to a person."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


@contextmanager
def kept_small(folder: Path, largest: int = _LARGEST, every: float = 60) -> Iterator[None]:
    """Look after the logs in this folder, now and every so many seconds, until the block ends."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(every):
            for log in folder.glob("*.log"):
                rotate(log, largest)

    keeper = threading.Thread(target=look, name="keeps logs small", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def rotate(log: Path, largest: int = _LARGEST) -> None:
    """Move a large log's content aside, keeping one old copy; what is written between copy and cut is lost."""
    if log.exists() and log.stat().st_size > largest:
        shutil.copyfile(log, log.with_suffix(".old"))
        with log.open("r+b") as file:
            file.truncate()

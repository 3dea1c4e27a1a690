"""The data folder: made, found again, wiped."""

import os
import shutil
import time
from pathlib import Path

from adapters.embedded import binaries, lock, memory, root
from adapters.embedded.memory import Memory
from adapters.embedded.place import Place
from adapters.embedded.refusal import CannotStart
from adapters.embedded.settings import Settings

_LEAST = {"fresh": 256, "old": 64}
"""Megabytes: what a fresh pair of servers fills and some room to write; what an old one may need to make room."""


def prepare(folder: Path) -> Path:
    """The data folder's full path; made if it is missing, for our eyes only."""
    try:
        folder = folder.expanduser().resolve()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "logs").mkdir(mode=0o700, exist_ok=True)
    except OSError as problem:
        raise CannotStart(
            f"The data folder {folder} cannot be used: {problem.strerror}. Choose a folder that you may write to."
        ) from problem
    return folder


def find(folder: Path, known: Memory | None, settings: Settings) -> Place:
    """Where this data folder's servers lie; made if `known` says nothing of it."""
    if os.geteuid() == 0:
        place = root.find(folder, known, settings)
    else:
        place = Place(folder, folder, None, binaries.installed())
    _has_room(place.home, _LEAST["old" if known else "fresh"])
    if known is None and (place.home / "postgres").exists():
        raise CannotStart(
            f"{place.home} holds a database, but {memory.path(folder)} with its passwords is missing. "
            "Restore that file, or choose another data folder."
        )
    return place


def wipe(folder: Path) -> None:
    """Remove the servers' data, passwords and logs; what else lies in the folder stays.

    Raises:
        CannotStart: they run, or belong to another user.
    """
    folder = folder.expanduser().resolve()
    if not folder.exists():
        return
    with lock.held(folder):
        known = memory.load(folder)
        if known and Path(known.home) != folder:
            remove(Path(known.home))
        replaced = (each.name for each in folder.glob("postgres.before-*"))
        for part in ("postgres", "postgres.new", "postgres.restoring", *replaced, "nats", "config", "logs"):
            remove(folder / part)
        memory.path(folder).unlink(missing_ok=True)


def remove(folder: Path, patience: float = 10) -> None:
    """Remove a folder; nothing of it is left when this returns.

    The children of an initdb that was killed do not bear the folder in their command lines, so they cannot be told from
    others'; they end by themselves, and write on until then.

    Raises:
        CannotStart: it does not go away.
    """
    end = time.monotonic() + patience
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        # Asked first: to remove a large one takes longer than that.
        if not folder.exists():
            return
        if time.monotonic() > end:
            raise CannotStart(f"{folder} cannot be removed. See who may write to it, and who still does.")
        time.sleep(0.01)


def _has_room(home: Path, least: int) -> None:
    free = shutil.disk_usage(home).free // 2**20
    if free < least:
        raise CannotStart(f"{home} has {free} MB left, the servers need {least} MB. Make room, or choose another disk.")

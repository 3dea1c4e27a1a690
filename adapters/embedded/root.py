"""As root: a place where an unprivileged account can run the servers."""

import contextlib
import hashlib
import logging
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from adapters.embedded import binaries, lock, memory
from adapters.embedded.binaries import Binaries
from adapters.embedded.memory import Memory
from adapters.embedded.place import Account, Place
from adapters.embedded.refusal import CannotStart
from adapters.embedded.settings import Settings

_log = logging.getLogger(__name__)
_ORIGIN = "belongs-to"
"""Names the data folder, for whoever wonders what lies here."""


def find(folder: Path, known: Memory | None, settings: Settings) -> Place:
    account = _account(settings.account)
    if known is None:
        return _begin(folder, account, settings)
    home = Path(known.home)
    if not home.is_dir():
        raise CannotStart(
            f"{folder} keeps its servers' data in {home}, which is missing. Put it back, "
            f"or remove {memory.path(folder)} to begin with empty servers."
        )
    return Place(folder, home, account, binaries.copied(home.parent))


def _begin(folder: Path, account: Account, settings: Settings) -> Place:
    """The first of the places that the account can reach and run programs in."""
    problems = []
    for place in settings.places:
        try:
            _own(place)
            programs = binaries.copied(place)
            _try(programs, account)
        except OSError as problem:
            problems.append(f"{place}: {problem}")
            continue
        _sweep(place)
        return Place(folder, _home(place, folder, account), account, programs)
    raise CannotStart(
        f"No place where the account {account.name} can run the servers ({'; '.join(problems)}). "
        "Start as an ordinary user, or make one of these places usable."
    )


def _own(place: Path) -> None:
    """A place of root's that others may enter, not change: whoever can put files here decides what the servers run."""
    with contextlib.suppress(FileExistsError):
        place.mkdir(parents=True)
        place.chmod(0o755)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError("not a folder of root's that only root may change")


def _try(programs: Binaries, account: Account) -> None:
    for program in (programs.postgres, programs.initdb, programs.nats):
        done = subprocess.run(
            [program, "--version"],
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise OSError(f"{program} does not run: {done.stderr.decode(errors='replace').strip()}")


def _home(place: Path, folder: Path, account: Account) -> Path:
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    for left in place.glob(f"{name}-*"):
        with contextlib.suppress(OSError):
            left.rmdir()
            continue
        # Never removed unasked: the data folder may lie on a disk that is not mounted just now.
        _log.warning("%s holds servers' data of an earlier %s; remove it if you do not need it.", left, folder)
    home = place / f"{name}-{secrets.token_hex(3)}"
    # Ours, so that whoever gets hold of a server cannot put a link where we are going to write.
    home.mkdir(mode=0o750)
    os.chown(home, -1, account.gid)
    (home / _ORIGIN).write_bytes(os.fsencode(folder))
    return home


def _sweep(place: Path) -> None:
    """Remove what belongs to data folders that lay in the temporary folder and are gone, as tests leave behind."""
    for origin in place.glob(f"*/{_ORIGIN}"):
        folder = Path(os.fsdecode(origin.read_bytes()))
        if folder.is_relative_to(tempfile.gettempdir()) and not folder.exists():
            with contextlib.suppress(CannotStart), lock.held(origin.parent):
                shutil.rmtree(origin.parent, ignore_errors=True)


def _account(name: str) -> Account:
    try:
        found = pwd.getpwnam(name)
    except KeyError as problem:
        raise CannotStart(
            f"There is no account {name} to run the servers as. Create it, or start as an ordinary user."
        ) from problem
    if found.pw_uid == 0:
        raise CannotStart(
            f"The account {name} is root's; PostgreSQL refuses to run as root. Choose an unprivileged one."
        )
    return Account(name, found.pw_uid, found.pw_gid)

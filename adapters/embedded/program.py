"""What a server is to its supervisor: a command line, and how to tell that it runs."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from adapters.embedded import leash, strays
from adapters.embedded.place import Account

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""All that a server gets to see of ours: the rest may hold secrets."""


class Program(Struct, frozen=True):
    """What to run, and how to tell that it runs."""

    name: str
    argv: list[str]
    folder: Path
    account: Account | None
    log: Path
    stop: signal.Signals
    """Asks for an orderly end."""
    orphan: signal.Signals
    """Ends it where its supervisor has died, and nobody is there to ask again."""
    known: strays.Known
    before: Callable[[], None]
    """Clears what a dead server left in its way."""
    answers: Callable[[int], bool]
    """Whether the process with this id is ready to serve."""


def leashed(argv: list[str], account: Account | None, orphan: signal.Signals) -> list[str]:
    """The command line that runs `argv` as the account, and ends it with the thread that started it."""
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    return [sys.executable, "-I", "-S", leash.__file__, *map(str, (os.getpid(), int(orphan), uid, gid)), *argv]


def _opener(path: str, flags: int) -> int:
    """Private, and never through a link: as root we may work in a folder where others can put one."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def spawn(program: Program) -> subprocess.Popen[bytes]:
    with open(program.log, "ab", opener=_opener) as log:
        return subprocess.Popen(
            leashed(program.argv, program.account, program.orphan),
            cwd=program.folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # A Ctrl-C at the terminal is for us: we stop the servers last.
            start_new_session=True,
        )

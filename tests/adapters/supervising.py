"""A supervisor in a process of its own, so that it can be killed, or be another user."""

import os
import pwd
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from adapters.embedded import Addresses

ROOT = Path(__file__).parents[2]
ODD = 'it\'s "odd" $HOME %d ünï\\'
AS_ROOT = os.geteuid() == 0

_SCRIPT = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
import msgspec
from adapters.embedded import CannotStart, program, running
if {unleashed!r}:
    leashed = program.leashed
    program.leashed = lambda argv, account, orphan: leashed(argv, account, 0)
try:
    with running(Path({folder!r})) as servers:
        pids = [servers.postgres.pid, servers.nats.pid]
        print(msgspec.json.encode([servers.addresses, str(servers.home), pids]).decode(), flush=True)
        sys.stdin.read()
except CannotStart as problem:
    sys.exit(str(problem))
"""


class Supervisor:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        told = process.stdout.readline() if process.stdout else ""
        if not told:
            raise AssertionError(process.communicate()[1])
        self.addresses, self.home, (self.postgres, self.nats) = msgspec.json.decode(
            told, type=tuple[Addresses, str, tuple[int, int]]
        )

    def servers(self) -> list[int]:
        """The processes of both servers, their children included."""
        return [self.nats, self.postgres, *(pid for pid in processes() if parent(pid) == self.postgres)]


@contextmanager
def supervisor(folder: Path, *, user: str | None = None, unleashed: bool = False) -> Iterator[Supervisor]:
    process = begin(folder, user=user, unleashed=unleashed)
    try:
        yield Supervisor(process)
    finally:
        process.communicate()


def begin(folder: Path, *, user: str | None = None, unleashed: bool = False) -> subprocess.Popen[str]:
    script = _SCRIPT.format(path=[str(ROOT), *sys.path], folder=str(folder), unleashed=unleashed)
    python = sys.executable
    identity: dict[str, Any] = {}
    if user:
        account = pwd.getpwnam(user)
        python = interpreter(user)
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    pipe = subprocess.PIPE
    command = [python, "-B", "-c", script]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd="/", **identity)


def interpreter(user: str) -> str:
    """One that this user may run, of our own version: ours may lie in root's home."""
    account = pwd.getpwnam(user)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/local/bin/python{version}", f"/usr/bin/python{version}"):
        try:
            subprocess.run(
                [python, "-c", f"import sys; sys.path[:0] = {sys.path!r}; import psycopg, msgspec, adapters"],
                user=account.pw_uid,
                group=account.pw_gid,
                extra_groups=[],
                cwd="/",
                check=True,
                capture_output=True,
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip(f"{user} can run no Python {version} with our packages here")


def one(url: str, query: str) -> Any:
    """The only value of the only row."""
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    return row and row[0]


def processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def alive(pids: list[int]) -> list[int]:
    """Those that run; a zombie does not."""
    return [pid for pid in pids if _state(pid) not in {"", "Z"}]


def _state(pid: int) -> str:
    """As /proc has it; nothing where the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][1]
    except OSError:
        return ""


def gone(pids: list[int], seconds: float = 20) -> bool:
    """Wait until none of them runs."""
    end = time.monotonic() + seconds
    while alive(pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True

"""Both servers started by hand: initdb, postgres and nats-server of the same release, and nothing around them."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from msgspec import Struct

from adapters.embedded import Servers

_HOST = "127.0.0.1"


class Programs(Struct, frozen=True):
    """Copies of the binaries that the account can reach, and the account that runs them."""

    postgres: Path
    nats: Path
    uid: int
    gid: int
    home: Path


def programs(servers: Servers) -> Programs:
    """Those that the running servers run."""
    postgres = Path(f"/proc/{servers.postgres.pid}")
    about = postgres.stat()
    nats = Path(f"/proc/{servers.nats.pid}/exe").resolve()
    return Programs((postgres / "exe").resolve(), nats, about.st_uid, about.st_gid, servers.home.parent)


@contextmanager
def folder(programs: Programs) -> Iterator[Path]:
    """An empty folder that the account may write to."""
    path = Path(tempfile.mkdtemp(prefix="bench-", dir=programs.home))
    os.chown(path, programs.uid, programs.gid)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def start(programs: Programs, folder: Path) -> float:
    """Seconds until both servers answer; where the folder is empty a cluster is made first. They are stopped again."""
    began = time.perf_counter()
    data, port, broker = folder / "postgres", free(), free()
    if not data.exists():
        initdb = [str(programs.postgres.parent / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust"]
        _run(programs, [*initdb, "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions"]).wait()
    server = [str(programs.postgres), "-D", str(data), "-p", str(port), "-h", _HOST, "-k", ""]
    processes = [
        _run(programs, server),
        _run(programs, [str(programs.nats), "-a", _HOST, "-p", str(broker), "-js", "-sd", str(folder / "nats")]),
    ]
    try:
        _until(
            lambda: psycopg.connect(host=_HOST, port=port, user="postgres", dbname="postgres").close(), psycopg.Error
        )
        _until(lambda: socket.create_connection((_HOST, broker), timeout=1).close(), OSError)
        return time.perf_counter() - began
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def free() -> int:
    with socket.socket() as trial:
        trial.bind((_HOST, 0))
        port: int = trial.getsockname()[1]
    return port


def _run(programs: Programs, argv: list[str]) -> subprocess.Popen[bytes]:
    # Only root may change the user; anyone else runs the servers as they are.
    user = {"user": programs.uid, "group": programs.gid, "extra_groups": []} if os.geteuid() == 0 else {}
    silence = subprocess.DEVNULL
    return subprocess.Popen(argv, cwd="/", stdin=silence, stdout=silence, stderr=silence, **user)  # type: ignore[call-overload,no-any-return] # the user's arguments come as a dictionary


def _until(attempt: Callable[[], object], problem: type[Exception]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(problem):
            attempt()
            return
        time.sleep(0.005)
    raise TimeoutError

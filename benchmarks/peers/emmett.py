"""Emmett's event store for PostgreSQL, run by the machine's node.

It comes from npm into a folder of the user's cache, once for each content of `node/package.json`.
"""

import os
import shutil
import subprocess
from bisect import bisect_left
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks import calls
from benchmarks.kernel import Figures
from benchmarks.peers import tables
from benchmarks.peers.notify import tail
from benchmarks.processes import pipe

NOT_FOUND = "{} is not found: install node 20 or newer with npm (Debian: apt-get install nodejs npm)"
_HERE = Path(__file__).parent / "node"
_PACKAGE, _SCRIPT = _HERE / "package.json", "emmett.mjs"
_DATABASE, _VIEWS = "emmett", "emmett_views"
_GRACE = 3.0
"""Seconds after the last append in which its consumer has to see it."""


def installed() -> Path:
    """The folder with the packages. Raises `RuntimeError` where npm is missing or fails."""
    wanted = _PACKAGE.read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "everlog", "bench")
    folder = cache / f"node-{sha256(wanted).hexdigest()[:16]}"
    if folder.exists():
        return folder
    npm = _program("npm")
    cache.mkdir(parents=True, exist_ok=True)
    # Made elsewhere and moved when it is whole, so that an installation that was cut short is never taken for one.
    with TemporaryDirectory(dir=cache) as name:
        making = Path(name, "packages")
        making.mkdir()
        (making / _PACKAGE.name).write_bytes(wanted)
        command = [
            npm,
            "install",
            "--ignore-scripts",
            "--no-package-lock",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]
        done = subprocess.run(command, cwd=making, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"npm could not install Emmett: {done.stderr.strip()[-500:]}")
        making.rename(folder)
    return folder


class Emmett:
    """A store in a database of its own, made when it is first asked for; stopped when the block ends.

    Every method raises `RuntimeError` where node or npm is missing, and where the store fails.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._process: subprocess.Popen[bytes] | None = None
        self._stream = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            pipe(self._process.stdin).close()
            self._process.wait()
            pipe(self._process.stdout).close()

    def append(self, callers: int, batch: int, seconds: float, meta: int, body: int) -> Figures:
        """So many callers on node's event loop, each append to a new stream."""
        met = self._ask("append", callers=callers, batch=batch, seconds=seconds, meta=meta, body=body)
        return calls.told(met["events"], met["seconds"], met["taken"])

    def replay(self, events: int, each: int, meta: int, body: int) -> Figures:
        """Events per second of so many, in streams of `each`, read in global order."""
        self._fill(events, each, meta, body)
        met = self._ask("replay")
        assert met["events"] == events
        return {"rate": met["events"] / met["seconds"]}

    def load(self, events: int, each: int, meta: int, body: int, seconds: float) -> Figures:
        """Events per second of one stream of `each`, read again and again."""
        self._fill(events, each, meta, body)
        met = self._ask("load", stream=self._stream, seconds=seconds)
        assert met["events"] % each == 0
        return {"rate": met["events"] / met["seconds"]}

    def catch_up(self, events: int) -> Figures:
        """Events per second of its consumer, from empty views to all of so many events (a multiple of five)."""
        if not self._stream:
            self._ask("truncate")
            self._ask("prospects", events=events)
            self._stream = "prospects"
        where = _database(self._url)
        tables.make(where, _VIEWS)
        met = self._ask("follow")
        assert tables.size(where, _VIEWS, "audit") == events
        return {"rate": events / met["seconds"]}

    def lag(self, rate: int, seconds: float) -> Figures:
        """p50 and p99 in milliseconds from an append's answer until its consumer has committed the rows.

        So many prospects are captured a second; whatever was there before is gone.
        """
        self._ask("truncate")
        self._stream, where = "", _database(self._url)
        tables.make(where, _VIEWS)
        with tables.watched(where, _VIEWS) as seen:
            met = self._ask("lag", rate=rate, seconds=seconds, grace=_GRACE)
        reached = [position for position, _ in seen]
        assert reached, "its consumer has written nothing"
        assert max(position for position, _ in met["answered"]) <= reached[-1]
        when = [seen[bisect_left(reached, position)][1] - at / 1000 for position, at in met["answered"]]
        return tail([max(0.0, each) * 1000 for each in when])

    def _fill(self, events: int, each: int, meta: int, body: int) -> None:
        """Once: nothing but these events."""
        if not self._stream:
            self._ask("truncate")
            self._stream = self._ask("fill", events=events, each=each, meta=meta, body=body)["stream"]

    def _ask(self, what: str, **how: Any) -> dict[str, Any]:
        if self._process is None:
            self._process = self._start()
            # The address holds a password, so it is no argument that others could see.
            self._ask("open", url=_database(self._url))
        writing = pipe(self._process.stdin)
        writing.write(msgspec.json.encode({"what": what, **how}) + b"\n")
        writing.flush()
        line = pipe(self._process.stdout).readline()
        answer: dict[str, Any] = msgspec.json.decode(line) if line else {"problem": "node ended"}
        if "problem" in answer:
            raise RuntimeError(f"Emmett: {answer['problem']}")
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        node, folder = _program("node"), installed()
        # Node looks for packages beside the script, wherever it is started.
        for path in _HERE.glob("*.mjs"):
            shutil.copy(path, folder)
        script = str(folder / _SCRIPT)
        return subprocess.Popen(
            [node, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder
        )


def _database(url: str) -> str:
    """The URL of a database of its own, in the form that node's driver reads."""
    with psycopg.connect(url, autocommit=True) as connection:
        known = connection.execute("select 1 from pg_database where datname = %s", [_DATABASE]).fetchone()
        if not known:
            connection.execute(f"create database {_DATABASE}".encode())
    where = psycopg.conninfo.conninfo_to_dict(make_conninfo(url, dbname=_DATABASE))
    return "postgresql://{user}:{password}@{host}:{port}/{dbname}".format_map(where)


def _program(name: str) -> str:
    if found := shutil.which(name):
        return found
    raise RuntimeError(NOT_FOUND.format(name))

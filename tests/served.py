"""The product as its users run it: `everlog serve` as a process, in a data folder of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from adapters.embedded import CannotStart, wipe
from api import settings as configuration
from api.settings import Settings
from tests.adapters.supervising import ROOT, alive, gone, parent, processes

EVERLOG = [sys.executable, "-m", "api.main"]
READY = 240.0
"""Seconds; the machine may be busy with other tests."""


class Served:
    """`start` and `stop` as often as needed: the folder and the port stay. What it logs goes to `log`."""

    def __init__(self, home: Path, **more: str) -> None:
        self.home = home
        self.log = home.with_suffix(".log")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = environment(EVERLOG_HOME=str(home), EVERLOG_PORT=str(self.port), **more)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def settings(self) -> Settings:
        """With the addresses of the running servers."""
        return configuration.of_running(configuration.read(self.environment))

    def start(self) -> None:
        """Return when it is ready; tried again while an earlier run that was killed still gives up its port."""
        until = time.monotonic() + READY
        while not self._ready(until):
            if time.monotonic() > until or "\nTraceback" in f"\n{self.told()}":
                self.stop()
                raise AssertionError(f"not ready:\n{self.told()[-4000:]}")
            self._begin()

    def told(self) -> str:
        """All that it has logged."""
        return self.log.read_text() if self.log.exists() else ""

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process = None

    def children(self) -> dict[str, int]:
        """Processes by what they are: `postgres`, `nats`, or the words of `everlog`, such as `worker learning`."""
        found = {}
        for pid in processes():
            if parent(pid) == self.pid:
                words = command(pid)
                if words[1:3] == ["-m", "api.main"]:
                    found[" ".join(words[3:])] = pid
                elif words[0].endswith("/postgres"):
                    found["postgres"] = pid
                elif words[0].endswith("/nats-server"):
                    found["nats"] = pid
        return found

    def backends(self) -> list[int]:
        """The server processes of sessions with the database."""
        postmaster = self.children().get("postgres", -1)
        mine = [pid for pid in processes() if parent(pid) == postmaster]
        return [pid for pid in mine if any("everlog_app" in word or "everlog_worker" in word for word in command(pid))]

    def kill(self) -> None:
        """Kill the supervisor itself; returns when what it had started is gone as well."""
        left = self.children()
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
        assert gone(list(left.values()), 120), [name for name, pid in left.items() if alive([pid])]

    def _ready(self, until: float) -> bool:
        while self._process and self._process.poll() is None and time.monotonic() < until:
            with suppress(httpx2.TransportError):
                if httpx2.get(f"{self.url}/readyz").is_success:
                    return True
            time.sleep(0.05)
        return False

    def _begin(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*EVERLOG, "serve"], env=self.environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )


@contextmanager
def served(home: Path, **more: str) -> Iterator[Served]:
    """The product, ready; its data are wiped when the block ends."""
    product = Served(home, **more)
    try:
        product.start()
        yield product
    finally:
        product.stop()
        with suppress(CannotStart):
            wipe(home)


def everlog(
    words: Sequence[str], environment: dict[str, str], seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """One command of the command line, in a process of its own."""
    return subprocess.run(
        [*EVERLOG, *words], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
    )


@contextmanager
def started(words: Sequence[str], environment: dict[str, str], **more: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A command that goes on by itself; it is killed at the end of the block, so that no failure waits for it."""
    with subprocess.Popen([*EVERLOG, *words], env=environment, cwd=ROOT, **more) as process:
        try:
            yield process
        finally:
            process.kill()


def answered(words: Sequence[str], environment: dict[str, str]) -> Any:
    """What a command that succeeds answers with `--json`."""
    done = everlog([*words, "--json"], environment)
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout)


def environment(**named: str) -> dict[str, str]:
    """This process's, with no settings of Everlog but those named."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("EVERLOG_")}
    return plain | named


def command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return [""]


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def end(pid: int) -> bool:
    """Kill a process without a word; whether it was there still."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True

"""Seconds from nothing, and from an old folder, to ready; beside the same two servers started by hand."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx2

from adapters.embedded import running, wipe
from benchmarks.ground import Ground
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import bare

READY = "/readyz"
CASES = {"fresh": "from nothing", "old": "from an old folder"}


def run(ground: Ground, session: Session) -> Iterator[Line]:
    programs = bare.programs(ground.servers)

    def theirs() -> Figures:
        with bare.folder(programs) as folder:
            return {"fresh": bare.start(programs, folder), "old": bare.start(programs, folder)}

    for start, what in ((_servers, "PostgreSQL and NATS"), (_all, "everlog serve until it is ready")):
        rounds = session.play({OURS: partial(_twice, start), "hand-written": theirs})
        for measure, case in CASES.items():
            yield Versus(
                against="hand-written",
                kind="limit",
                case=f"{what}, {case}",
                measure=measure,
                unit="s",
                note="initdb, postgres and nats-server alone: no roles, no schema, no API, no worker",
            ).line("startup", rounds)


def _twice(start: Callable[[Path], float]) -> Figures:
    with tempfile.TemporaryDirectory(prefix="everlog-bench-") as temporary:
        folder = Path(temporary, "data")
        try:
            return {"fresh": start(folder), "old": start(folder)}
        finally:
            wipe(folder)


def _servers(folder: Path) -> float:
    began = time.perf_counter()
    with running(folder):
        return time.perf_counter() - began


def _all(folder: Path) -> float:
    """Seconds until `everlog serve` in this folder says that it is ready."""
    port = bare.free()
    # Nothing of a server that this shell may point to.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EVERLOG_")}
    began = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "api.main", "serve", "--port", str(port)],
        env={**environment, "EVERLOG_HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _ready(f"http://127.0.0.1:{port}{READY}"):
            if server.poll() is not None or time.perf_counter() - began > 60:
                raise RuntimeError("everlog serve does not become ready; start it by hand to see why")
            time.sleep(0.01)
        return time.perf_counter() - began
    finally:
        server.terminate()
        server.wait()


def _ready(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=5).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False

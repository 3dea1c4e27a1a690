"""What this machine can do at all, measured first: single-row commits of one client against the disk's own syncs."""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.ground import Ground
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import pgbench

JOB = "calibration"
_PAGE = bytes(8192)


def run(ground: Ground, session: Session) -> Iterator[Line]:
    """One line: syncs per second as `ours`, and as `theirs` what one pgbench client commits per second."""
    seconds = min(2.0, session.scale.seconds)
    rounds = session.play(
        {
            OURS: lambda: syncs(ground.servers.home, seconds),
            "pgbench": lambda: pgbench.commits(ground.peers, clients=1, seconds=seconds, meta=300, body=300),
        },
        rounds=5,
    )
    yield Versus(
        against="pgbench",
        kind="limit",
        case="fdatasync of 8 KiB against commits of one client",
        measure="rate",
        unit="1/s",
        note="what this machine can do; no figure of the product",
    ).line(JOB, rounds)


def syncs(folder: Path, seconds: float) -> Figures:
    """How often a second one page reaches the disk that holds this folder."""
    with tempfile.TemporaryFile(dir=folder) as file:
        descriptor = file.fileno()
        # The file's size is settled beforehand: the server's log is allocated beforehand too.
        os.pwrite(descriptor, _PAGE * 128, 0)
        os.fsync(descriptor)
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            os.pwrite(descriptor, _PAGE, done % 128 * len(_PAGE))
            os.fdatasync(descriptor)
            done += 1
        return {"rate": done / (time.perf_counter() - began)}

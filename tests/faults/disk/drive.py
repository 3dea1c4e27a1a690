"""A disk that can be cut off, filled or made to lie, mounted over a folder for as long as a `with` lasts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.adapters.supervising import ROOT
from tests.faults.disk.kernel import unmount


class Missing(Exception):
    """What this machine lacks for it, and how to come by it."""


class Drive:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._answer()

    def cut(self, seed: object = None) -> None:
        """The power is gone: what was not synced is lost, or by a seed some of it."""
        self._ask("cut" if seed is None else f"cut {seed}")

    def power(self) -> None:
        """It is there again, with what was left."""
        self._ask("power")

    def fill(self, room: int | None) -> None:
        """Leave room for so many more bytes; None: for any number."""
        self._ask("limit" if room is None else f"limit {self.used() + room}")

    def lie(self) -> None:
        """From now on answer that it synced, and do not."""
        self._ask("honest no")

    def used(self) -> int:
        return int(self._ask("used"))

    def _ask(self, order: str) -> str:
        assert self._process.stdin
        self._process.stdin.write(order.encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout
        if line := self._process.stdout.readline():
            return line.decode().strip()
        assert self._process.stderr
        raise Missing(f"The disk does not run: {self._process.stderr.read().decode().strip().splitlines()[-1:]}")


def needed() -> None:
    """Raises `Missing`."""
    if os.geteuid() != 0:
        raise Missing("This mounts a file system of its own: run it as root.")
    if not Path("/dev/fuse").exists():
        raise Missing("This needs the kernel's FUSE: load it with `modprobe fuse`, or pass /dev/fuse to the container.")


@contextmanager
def drive(folder: Path) -> Iterator[Drive]:
    """Over this folder, with what lies in it, which is there again unchanged afterwards. Raises `Missing`."""
    needed()
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "tests.faults.disk", str(folder)]
    # In a session of its own: what ends this whole group of processes would leave the folder mounted.
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as process:
        try:
            yield Drive(process)
        finally:
            if process.stdin:
                process.stdin.close()
            process.wait(60)
            unmount(folder)

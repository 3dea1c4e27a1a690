"""Processes of the product that work for a job: opened together, told what to do a line at a time, ended together."""

import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self


class Processes:
    """`python -m MODULE`, so many times, until the block ends. Each says with an empty line that it is open."""

    def __init__(self, module: str, environment: Mapping[str, str], count: int) -> None:
        self._module = module
        self._environment = environment
        self._count = count
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            for _ in range(self._count):
                process = subprocess.Popen(
                    [sys.executable, "-m", self._module],
                    env={**os.environ, **self._environment},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
                self._stack.callback(_end, process)
                self._processes.append(process)
            for process in self._processes:
                self._line(process)
            self._opened()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _opened(self) -> None:
        """What is to be done once all are."""

    @property
    def resident(self) -> float:
        """KB of memory that the processes hold."""
        return sum(resident(process.pid) for process in self._processes)

    def _told(self, line: bytes, *, one_by_one: bool = False) -> list[bytes]:
        """What each answers to the same line, all at work at the same time, or one after the other."""
        answers = []
        for process in self._processes:
            pipe(process.stdin).write(line + b"\n")
            pipe(process.stdin).flush()
            if one_by_one:
                answers.append(self._line(process))
        return answers or [self._line(process) for process in self._processes]

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        if line := pipe(process.stdout).readline():
            return line
        raise RuntimeError(f"{self._module} ended with {process.wait()}")


def answering() -> IO[bytes]:
    """In such a process: where answers go. What the product logs goes elsewhere."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    logging.disable(logging.WARNING)
    return answers


def resident(pid: int) -> float:
    """KB of memory that a process holds."""
    pages = int(Path("/proc", str(pid), "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1024


def pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe
    return pipe


def _end(process: subprocess.Popen[bytes]) -> None:
    pipe(process.stdin).close()
    process.wait()
    pipe(process.stdout).close()

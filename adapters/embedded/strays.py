"""Processes that an earlier run left behind.

They are known by their command line alone: it is readable for everyone, while the links below /proc/PID are hidden from
a root that has lost the right to trace, as in containers.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from adapters.embedded.refusal import CannotStart

Known = Callable[[list[str]], bool]
"""Whether a command line belongs to the server."""


def find(known: Known) -> list[int]:
    return [pid for pid in _processes() if known(_command(pid))]


def clear(known: Known, stop: signal.Signals, patience: float = 10) -> None:
    """Ask them to stop, then make them; nothing may still write to the folder when this returns."""
    for order, seconds in ((stop, patience), (signal.SIGQUIT, 2), (signal.SIGKILL, 5)):
        left = find(known)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, order)
        if not left or _gone(known, seconds):
            return
    raise CannotStart(f"Processes of an earlier run do not end: {find(known)}. Stop them, then start again.")


def _gone(known: Known, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while find(known):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode(errors="replace").split("\0")
    except OSError:
        return [""]

"""A server process and the thread that keeps it alive."""

import logging
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from adapters.embedded import logs, strays
from adapters.embedded.program import Program, spawn
from adapters.embedded.refusal import CannotStart

_log = logging.getLogger(__name__)
_STEADY = 2.0
"""Seconds a server must have answered for its next failure to be the first again."""
_ROOM = 64 * 2**20
"""Bytes without which a server may be unable to start: a segment of PostgreSQL's log takes 16 MB."""
_FULL = 2.0
"""Seconds between two starts on a full disk."""


class Watched:
    """Starts a program, restarts it when it dies, gives up loudly when it keeps dying.

    A server that cannot start for a full disk is never given up: once there is room it can.
    """

    def __init__(self, program: Program, patience: float, attempts: int, lost: Callable[[str], None]) -> None:
        self._program = program
        self._patience = patience
        self._attempts = attempts
        self._lost = lost
        self._process: subprocess.Popen[bytes] | None = None
        self._change = threading.Condition()
        self._ready = False
        self._stopping = threading.Event()
        self._wanted = False
        self._problem: CannotStart | None = None
        self.starts = 0
        # The kernel ends a server with the thread that started it, so this one lives as long as the supervisor.
        self._thread = threading.Thread(target=self._keep, name=f"keeps {program.name}", daemon=True)

    @property
    def pid(self) -> int:
        """The server's process, 0 while there is none."""
        process = self._process
        return process.pid if process and process.returncode is None else 0

    def start(self) -> None:
        """Begin to start it; `wait_ready` tells how that went."""
        self._thread.start()

    def wait_ready(self, seconds: float = 60) -> None:
        """Return when the server answers.

        Raises:
            CannotStart: it does not start, or not within this time.
        """
        with self._change:
            if not self._change.wait_for(lambda: self._ready or self._problem, seconds):
                raise CannotStart(
                    f"{self._program.name} does not answer after {seconds:.0f} s.", logs.tail(self._program.log)
                )
            if self._problem:
                raise self._problem

    def kill(self) -> int:
        """Kill it without a word (for fault tests) and return its process id; `wait_ready` waits for the next."""
        return self._signal(signal.SIGKILL)

    def restart(self, seconds: float = 60) -> None:
        """Stop it in order, and return when it answers again."""
        self._signal(self._program.stop)
        self.wait_ready(seconds)

    def stop(self, patience: float = 30) -> None:
        """End it for good: in order if it can, else by force. Nothing of it runs when this returns."""
        with self._change:
            self._stopping.set()
            self._ready = False
        for order, seconds in ((self._program.stop, patience), (signal.SIGQUIT, 5), (signal.SIGKILL, 10)):
            self._send(order)
            self._thread.join(seconds)
            if not self._thread.is_alive():
                break
        strays.clear(self._program.known, self._program.stop)

    def _signal(self, order: signal.Signals) -> int:
        with self._change:
            pid = self.pid
            self._ready = False
            self._wanted = True
        self._send(order)
        return pid

    def _send(self, order: signal.Signals) -> None:
        process = self._process
        if process:
            with suppress(ProcessLookupError):
                process.send_signal(order)

    def _keep(self) -> None:
        failures, told = 0, False
        while not self._stopping.is_set():
            problem, steady = self._live()
            full = not steady and self.starts > 0 and self._full()
            failures = 0 if steady else failures if full else failures + 1
            if self._stopping.is_set():
                return
            if self.starts == 0 or failures >= self._attempts:
                self._give_up(problem)
                return
            if not self._wanted and not (full and told):
                _log.error("%s\nIt is started again%s.", problem, " once its disk has room" if full else "")
            told = full
            self._stopping.wait(_FULL if full else min(0.05 * 2**failures, 5) if failures else 0)

    def _full(self) -> bool:
        try:
            return shutil.disk_usage(self._program.folder).free < _ROOM
        except OSError:
            return False

    def _live(self) -> tuple[CannotStart, bool]:
        """One life of the server: how it ended, and whether that says nothing against it."""
        try:
            process = self._begin()
        except CannotStart as problem:
            return problem, False
        except OSError as problem:
            return CannotStart(f"{self._program.name} cannot be started: {problem}."), False
        answered = time.monotonic()
        self._set(ready=True)
        code = process.wait()
        self._set(ready=False)
        steady = self._wanted or time.monotonic() - answered > _STEADY
        died = f"{self._program.name} (process {process.pid}) died ({_how(code)}). Its last words:"
        return CannotStart(died, logs.tail(self._program.log)), steady

    def _begin(self) -> subprocess.Popen[bytes]:
        """Start the process and wait until it answers."""
        program = self._program
        self._wanted = False
        # Children of a dead server have no order to wait for, and must not write beside its successor.
        strays.clear(program.known, signal.SIGQUIT, patience=1)
        program.before()
        process = self._process = spawn(program)
        if self._stopping.is_set():
            # Whoever stops us may have looked before there was a process.
            process.send_signal(program.stop)
        end = time.monotonic() + self._patience
        while not program.answers(process.pid):
            if process.poll() is not None:
                what = f"{program.name} ended at its start ({_how(process.returncode)}). Its last words:"
                raise CannotStart(what, logs.tail(program.log))
            if time.monotonic() > end:
                process.kill()
                process.wait()
                raise CannotStart(
                    f"{program.name} does not answer after {self._patience:.0f} s.", logs.tail(program.log)
                )
            time.sleep(0.01)
        return process

    def _set(self, *, ready: bool) -> None:
        with self._change:
            self._ready = ready
            self.starts += ready
            self._change.notify_all()

    def _give_up(self, problem: CannotStart) -> None:
        first = self.starts == 0
        with self._change:
            self._problem = problem
            self._change.notify_all()
        if not first:
            _log.critical("%s is given up: %s", self._program.name, problem)
            self._lost(str(problem))


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

"""`everlog serve`: the embedded servers, the API and the worker as one thing, for as long as it runs."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import msgspec

from api import bootstrap, transport
from api.settings import LEASH, Settings, environment, leave_word

_log = logging.getLogger(__name__)
PARTS = ("api", "worker views relay", "worker learning", "worker seal check deliver")
"""A process each: none waits for another's turn at the interpreter."""
SHARED = (
    "The database server runs as this same user, and can read the key that checkpoints are signed with: they prove "
    "nothing against whoever owns the database. Started as root, or on another user's database server, they do.\n"
)
GRACE = 5
"""Seconds for a child to end in order when the process that started it has gone, and most likely the database too."""
QUICK = 5.0
"""A child that lived for less than these seconds is started again only after a pause."""
LONGEST = 5.0
"""Seconds that it waits at most."""
SLOW = 60.0
"""The same for one that ended by itself with an error: without its key service it takes a while to give up."""


class PortTaken(Exception):
    """Another program listens where the API should; the message says what to do."""


class Child:
    """One process of the product, started again when it dies."""

    def __init__(self, name: str, settings: Settings, leash: int) -> None:
        self.name = name
        self._settings = settings
        self._leash = leash
        self._pause = 0.0
        self._next = 0.0
        self._began = 0.0
        self.process = self._start()

    def tend(self) -> None:
        """Start the process again if it has died; one that dies at once is tried less and less often, up to 5 s."""
        status = self.process.poll()
        now = time.monotonic()
        if status is None or now < self._next:
            return
        if self._next <= self._began:
            quick = now - self._began < (SLOW if status > 0 else QUICK)
            self._pause = min(max(self._pause * 2, 0.2), LONGEST) if quick else 0.0
            self._next = now + self._pause
            _log.warning("%s ended with status %s and is started again in %.1f s.", self.name, status, self._pause)
            return
        self.process = self._start()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        self._began = time.monotonic()
        return subprocess.Popen(
            [sys.executable, "-m", "api.main", *self.name.split()],
            env={**environment(self._settings), LEASH: str(self._leash)},
            pass_fds=(self._leash,),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            # A terminal's Ctrl-C goes to its whole group; here the one who started them all ends them, in order.
            process_group=0,
        )


@contextmanager
def serving(settings: Settings, parts: Sequence[str] = PARTS) -> Iterator[tuple[Settings, list[Child]]]:
    """Everything started, with the settings it runs under; all of it stopped when the block ends.

    Raises:
        PortTaken: the API's port is not free.
    """
    must_be_free(settings.host, settings.port)
    if shown := settings.identity:
        shown.context()
    elif "api" not in transport.plaintext(settings.plaintext):
        transport.must_be_local(settings.host)
    with ExitStack() as stack:
        lost: Callable[[], str] = str
        if settings.embedded:
            settings, lost = bootstrap.embedded(settings, stack)
        if settings.owner:
            bootstrap.migrate(settings)
        held, leash = os.pipe()
        stack.callback(os.close, held)
        stack.callback(os.close, leash)
        children = []
        for part in parts:
            child = Child(part, settings, held)
            stack.callback(child.stop)
            children.append(child)
        leave_word(settings)
        stop = threading.Event()
        tending = threading.Thread(target=_tend, args=(children, lost, stop), name="children", daemon=True)
        tending.start()
        stack.callback(tending.join)
        stack.callback(stop.set)
        yield settings, children


def serve(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM, or until a server is given up."""
    with serving(settings) as (where, _):
        ended = told()
        # On servers that are not there yet, nothing answers for a while, and then saying so would be false.
        while not _answers(where) and not ended.wait(0.05):
            pass
        if ended.is_set():
            return
        sys.stdout.write(f"Everlog answers on {where.url}; its data lie in {where.home}.\n")
        if settings.shared:
            sys.stdout.write(SHARED)
        sys.stdout.flush()
        ended.wait()


def told() -> threading.Event:
    """An event that SIGINT and SIGTERM set from now on."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    return ended


def follow() -> None:
    """End this process when the one that started it has gone, however it went."""
    if (leash := os.environ.get(LEASH)) is None:
        return

    def wait() -> None:
        os.read(int(leash), 1)
        # The kernel keeps this appointment even where the interpreter has begun to end, and its threads run no more.
        signal.alarm(GRACE)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="leash", daemon=True).start()


def _tend(children: Sequence[Child], lost: Callable[[], str], stop: threading.Event) -> None:
    while not stop.wait(0.1):
        if why := lost():
            _log.error("%s", why)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        for child in children:
            child.tend()


def must_be_free(host: str, port: int) -> None:
    """Raises `PortTaken`."""
    with socket.socket(_family(host)) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as problem:
            raise PortTaken(
                f"Port {port} on {host} cannot be used ({problem.strerror}). "
                "Choose another with EVERLOG_PORT (or --port), or another address with EVERLOG_HOST."
            ) from problem


def on_port(settings: Settings, port: int | None) -> Settings:
    """The settings with another port: 0 is any free one."""
    if port == 0:
        must_be_free(settings.host, port)
        with socket.socket(_family(settings.host)) as trial:
            trial.bind((settings.host, 0))
            port = trial.getsockname()[1]
    return msgspec.structs.replace(settings, port=port) if port else settings


def _answers(settings: Settings) -> bool:
    try:
        with socket.create_connection((settings.host, settings.port), 1):
            return True
    except OSError:
        return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET

"""Both servers together, for as long as a `with` lasts."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from adapters.embedded import archive, cluster, lock, logs, memory, nats, ports, postgres
from adapters.embedded import folder as folders
from adapters.embedded.memory import Memory
from adapters.embedded.place import Place
from adapters.embedded.program import Program
from adapters.embedded.refusal import CannotStart
from adapters.embedded.settings import Settings
from adapters.embedded.watch import Watched

_log = logging.getLogger(__name__)
_DEFAULTS = Settings()
_PORT_TAKEN = ("Address already in use", "address already in use")


class Addresses(Struct, frozen=True):
    """Where the servers answer. Each holds a password: do not log them."""

    owner: str
    app: str
    worker: str
    nats: str
    superuser: str

    def __repr__(self) -> str:
        return "Addresses()"


class Servers:
    """The running servers. `lost` is set, and `why` says why, when one of them was given up.

    `folder` is the data folder, `home` holds the servers' own files: the same folder, or as root another.
    """

    def __init__(self, addresses: Addresses, place: Place, postgres: Watched, nats: Watched, lost: "Lost") -> None:
        self.addresses = addresses
        self.folder = place.folder
        self.home = place.home
        self.postgres = postgres
        self.nats = nats
        self.start_seconds = 0.0
        self._lost = lost

    @property
    def lost(self) -> threading.Event:
        return self._lost.event

    @property
    def why(self) -> str:
        return self._lost.why


class Lost:
    def __init__(self) -> None:
        self.event = threading.Event()
        self.why = ""

    def __call__(self, why: str) -> None:
        self.why = why
        self.event.set()


@contextmanager
def running(folder: Path, settings: Settings = _DEFAULTS) -> Iterator[Servers]:
    """PostgreSQL and NATS, ready, in this data folder; stopped when the block ends or the process does.

    Raises:
        CannotStart: it says what is wrong and what to do.
    """
    began = time.monotonic()
    folder = folders.prepare(folder)
    with lock.held(folder), logs.kept_small(folder / "logs"), ExitStack() as stack:
        try:
            servers = _start(folder, settings, stack)
        except OSError as problem:
            raise CannotStart(f"The servers in {folder} cannot start: {problem}.") from problem
        servers.start_seconds = time.monotonic() - began
        _log.info(
            "Servers in %s are ready after %.1f s; their own files lie in %s.",
            folder,
            servers.start_seconds,
            servers.home,
        )
        yield servers


def _start(folder: Path, settings: Settings, stack: ExitStack) -> Servers:
    known = memory.load(folder)
    where = folders.find(folder, known, settings)
    if known is None:
        known = Memory(home=str(where.home), postgres_port=0, nats_port=0)
        memory.save(folder, known)
    if where.home != folder:
        # A copied data folder would point to the same home.
        stack.enter_context(lock.held(where.home))
    # Before the ports are looked at: what an earlier run left behind would hold them.
    postgres.clear(where)
    nats.clear(where)
    cluster.create(where, known)
    if settings.archive:
        archive.prepare(where, settings.archive)
    for _ in range(3):
        known = _with_ports(folder, known)
        with ExitStack() as attempt:
            try:
                servers = _both(where, known, settings, attempt)
            except CannotStart as problem:
                # Between our look and its bind, someone else took the port.
                if not any(words in problem.log for words in _PORT_TAKEN):
                    raise
                continue
            stack.push(attempt.pop_all())
            return servers
    raise CannotStart(f"Three times another program took a port on {ports.LOOPBACK} that was free. See {where.logs}.")


def _with_ports(folder: Path, known: Memory) -> Memory:
    """Ports that are free now, the remembered ones if possible."""
    first = ports.choose(known.postgres_port)
    chosen = replace(known, postgres_port=first, nats_port=ports.choose(known.nats_port, besides=first))
    if chosen != known:
        memory.save(folder, chosen)
    return chosen


def _both(where: Place, known: Memory, settings: Settings, stack: ExitStack) -> Servers:
    lost = Lost()

    def begin(program: Program) -> Watched:
        server = Watched(program, settings.patience, settings.attempts, lost)
        stack.callback(server.stop)
        server.start()
        return server

    database = begin(postgres.program(where, known, settings))
    broker = begin(nats.program(where, known, settings))
    for server in (database, broker):
        server.wait_ready(settings.patience)
    cluster.settle(known)
    return Servers(_addresses(known), where, database, broker, lost)


def _addresses(known: Memory) -> Addresses:
    port = known.postgres_port
    return Addresses(
        owner=postgres.url("everlog_owner", known.owner, port),
        app=postgres.url("everlog_app", known.app, port),
        worker=postgres.url("everlog_worker", known.worker, port),
        nats=nats.url(known.nats, known.nats_port),
        superuser=postgres.url("postgres", known.superuser, port),
    )

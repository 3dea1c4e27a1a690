"""The product as processes that a fault starts and ends one by one, over servers that stay."""

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg
from msgspec.structs import replace

from adapters.embedded import CannotStart, Servers, running, wipe
from api import bootstrap
from api import settings as configuration
from api.settings import LEASH, Settings
from tests.adapters.supervising import ROOT
from tests.faults.failing import Trap
from tests.served import answered, environment, free_port

READY = 60.0


class House:
    """`apart` are the settings under which nothing runs: those for whoever starts the servers again afterwards."""

    def __init__(self, apart: Settings, servers: Servers, leash: int) -> None:
        known = servers.addresses
        self.apart = apart
        self.settings = replace(apart, database=known.app, owner=known.owner, worker=known.worker, nats=known.nats)
        self.servers = servers
        self.url = f"http://{apart.host}:{apart.port}"
        self.traps: tuple[Trap, ...] = ()
        """In every process."""
        self._leash = leash
        self._words = itertools.count()

    @contextmanager
    def part(self, words: str, *traps: Trap) -> Iterator[subprocess.Popen[bytes]]:
        """`everlog WORDS` in a process of its own, with these traps; it is killed at the end of the block."""
        traps = (*self.traps, *traps)
        program = ["-m", "tests.faults.failing", msgspec.json.encode(traps).decode()] if traps else ["-m", "api.main"]
        with (
            (self.apart.home / "parts.log").open("ab") as log,
            subprocess.Popen(
                [sys.executable, *program, *words.split()],
                env={**environment(), **configuration.environment(self.settings), LEASH: str(self._leash)},
                cwd=ROOT,
                pass_fds=(self._leash,),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            ) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def kept(self, words: str) -> Iterator[None]:
        """The same without traps, started again when it ends: where the database is just recovering, it gives up."""
        stop = threading.Event()

        def tend() -> None:
            while not stop.is_set():
                with self.part(words) as process:
                    while process.poll() is None and not stop.wait(0.1):
                        pass

        thread = threading.Thread(target=tend, name=words)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def organisation(self) -> tuple[str, UUID, str]:
        """A new one: where it is served, its tenant, the key of its admin."""
        made = answered(["tenants", "create", "Acme"], configuration.environment(self.settings))
        return self.url, UUID(made["tenant"]), made["key"]

    def by_hand(self, *statements: str) -> list[tuple[object, ...]]:
        """As superuser, whom no wall holds; the rows that they answer. All again where the server just went down."""
        until = time.monotonic() + READY
        while True:
            try:
                with psycopg.connect(self.servers.addresses.superuser, autocommit=True) as connection:
                    made = [connection.execute(each.encode()) for each in statements]
                    return [row for cursor in made if cursor.description for row in cursor]
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def unlease(self) -> None:
        """What a dead worker held is free at once, so that nobody waits for the leases' time."""
        self.by_hand("delete from everlog.leases")

    def word(self) -> Path:
        """A file of its own, for what traps note."""
        return self.apart.home / f"word{next(self._words)}"


@contextmanager
def housed(home: Path) -> Iterator[House]:
    """Servers with the product's schema, and nothing that runs on them yet; all of it is wiped afterwards."""
    apart = configuration.read(environment(EVERLOG_HOME=str(home), EVERLOG_PORT=str(free_port())))
    held, leash = os.pipe()
    try:
        with ExitStack() as stack:
            stack.callback(os.close, leash)
            servers = stack.enter_context(running(home))
            house = House(apart, servers, held)
            bootstrap.migrate(house.settings)
            yield house
    finally:
        os.close(held)
        with suppress(CannotStart):
            wipe(home)


def lines(word: str | Path) -> Sequence[str]:
    """What traps have noted."""
    return Path(word).read_text().splitlines() if Path(word).exists() else []

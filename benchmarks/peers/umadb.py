"""UmaDB, an event store of its own kind in Rust: its server from the same wheel as its client."""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from benchmarks import calls
from benchmarks.kernel import Figures
from benchmarks.peers.bare import free

if TYPE_CHECKING:
    from umadb import Client

NOT_FOUND = "umadb is not installed: `make bench` installs it, or pip install umadb"
_SERVER = "from umadb.umadb_server_cli import main; main()"
_PATIENCE = 30


class UmaDB:
    """A server with an empty store on the disk that holds `folder`, begun when it is first asked; ended with the block.

    One client serves all threads, which is faster than one for each. Every method raises `RuntimeError` where the
    package is missing or the server does not answer.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._home: TemporaryDirectory[str] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._client: Client | None = None
        self._tag = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._server.terminate()
            self._server.wait()
        if self._home:
            self._home.cleanup()

    def append(self, callers: int, batch: int, seconds: float, state: bytes) -> Figures:
        """Events per second of so many threads, each append tagged as a new stream that must not be there yet."""
        client = self._opened()

        def append() -> int:
            self._append(client, batch, state)
            return batch

        return calls.threads(callers, seconds, append)

    def replay(self, events: int, each: int, state: bytes) -> Figures:
        """Events per second of so many, in streams of `each`, read in order."""
        self._fill(events, each, state)
        began = time.perf_counter()
        count, answer = 0, self._opened().read()
        while batch := answer.next_batch():
            for sequenced in batch:
                # Its fields become Python's values only when they are asked for.
                _ = sequenced.position, sequenced.event.event_type, sequenced.event.data
            count += len(batch)
        spent = time.perf_counter() - began
        assert count == events
        return {"rate": count / spent}

    def load(self, events: int, each: int, state: bytes, seconds: float) -> Figures:
        """Events per second of one stream of `each`, read again and again."""
        self._fill(events, each, state)
        from umadb import Query, QueryItem

        client, wanted = self._opened(), Query([QueryItem(tags=[self._tag])])

        def load() -> int:
            met = [(found.position, found.event.event_type, found.event.data) for found in client.read(wanted)]
            assert len(met) == each
            return each

        return calls.threads(1, seconds, load)

    def _fill(self, events: int, each: int, state: bytes) -> None:
        """Once."""
        if not self._tag:
            client = self._opened()
            for _ in range(0, events, each):
                self._tag = self._append(client, each, state)

    def _append(self, client: "Client", batch: int, state: bytes) -> str:
        from umadb import AppendCondition, Event, Query, QueryItem

        tag = f"prospects/{uuid4()}"
        events = [Event("prospects.captured", state, [tag]) for _ in range(batch)]
        client.append(events, AppendCondition(Query([QueryItem(tags=[tag])])))
        return tag

    def _opened(self) -> "Client":
        if self._client is None:
            try:
                import umadb
            except ImportError as problem:
                raise RuntimeError(NOT_FOUND) from problem
            self._home = TemporaryDirectory(prefix="umadb-", dir=self._folder)
            port, path = free(), Path(self._home.name, "uma.db")
            arguments = ["--listen", f"127.0.0.1:{port}", "--db-path", str(path)]
            silence = subprocess.DEVNULL
            self._server = subprocess.Popen(
                [sys.executable, "-c", _SERVER, *arguments], stdin=silence, stdout=silence, stderr=silence
            )
            self._client = _answering(umadb.Client, f"http://127.0.0.1:{port}")
        return self._client


def _answering(connect: "type[Client]", url: str) -> "Client":
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            client = connect(url)
            client.head()
            return client
        except Exception as problem:
            if time.monotonic() > deadline:
                raise RuntimeError(f"UmaDB's server does not answer: {problem}") from problem
            time.sleep(0.05)

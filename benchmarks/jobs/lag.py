"""Lag: how long after an event is committed its rows are seen, while 500 events a second come in."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import psycopg
from msgspec.structs import replace

from api import settings
from application.pending import Pending
from application.ports import Appended
from benchmarks import load
from benchmarks.ground import Ground
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import notify, projection
from benchmarks.peers.emmett import Emmett
from benchmarks.product import Product, opened

RATE = 500
_PATIENCE = 60.0
PROMISED = {"p50": 15.0, "p99": 100.0}
"""Milliseconds."""
_LIBRARY = "its projection runner, told by NOTIFY, in one process with who saves; each event's rows in a transaction"
_EMMETT = "its consumer, which asks again after 5 ms, in one process with who appends; looked for every ms"
SEEN = b"select coalesce(min(position), 0) from everlog.checkpoints where tenant_id = %s"


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product, Emmett(ground.peers) as emmett:
        product.app.link.start()
        tenant = product.tenant()
        with working(product, "views"):
            # Whatever is done once only is done before.
            lag(product, tenant, 0.5)
            seconds = session.scale.seconds
            library = projection.Runner(ground.peers, session.scale.slow // 10)
            rounds = session.play(
                {
                    OURS: lambda: lag(product, tenant, seconds),
                    "notify": lambda: notify.round_trips(ground.peers, RATE, seconds),
                    "eventsourcing": lambda: library.lag(RATE, seconds),
                    "emmett": lambda: emmett.lag(RATE, seconds),
                    "target": lambda: PROMISED,
                }
            )
    for measure in PROMISED:
        versus = Versus(
            against="target",
            kind="limit",
            case=f"{RATE} events/s, all views on, {measure}",
            measure=measure,
            unit="ms",
            aim=1,
            note="from the acknowledgement until all views have committed, looked for every ms",
        )
        beside = replace(versus, against="notify", aim=None, note="beside the way of one NOTIFY at the same rate")
        peer = replace(versus, against="eventsourcing", kind="peer", aim=None, note=_LIBRARY)
        other = replace(peer, against="emmett", note=_EMMETT)
        yield from session.compared(rounds, versus, beside, peer, other)


@contextmanager
def working(product: Product, part: str) -> Iterator[None]:
    """A part of the product's own worker, in a process of its own, as it is run in production."""
    command = [sys.executable, "-m", "api.main", "worker", part]
    environment = {**os.environ, **settings.environment(product.settings)}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


class Watch:
    """Notes when each position was acknowledged, and looks how far the views are, or what else `seen` asks for."""

    def __init__(self, url: str, tenant: UUID, seen: bytes = SEEN) -> None:
        self._url = url
        self._sql = seen
        self._tenant = tenant
        self._committed: dict[int, float] = {}
        self._lock = threading.Lock()
        self.lags: list[float] = []
        """Milliseconds."""
        self._thread = threading.Thread(target=self._look, name="watch")
        self._left: int | None = None

    def committed(self, future: Pending[Appended]) -> None:
        now, position = time.perf_counter(), future.result().first
        with self._lock:
            self._committed[position] = now

    @contextmanager
    def over(self) -> Iterator[None]:
        """Look until everything that was committed meanwhile has been seen. Raises `TimeoutError`."""
        self._thread.start()
        try:
            yield
        finally:
            self._left = time.monotonic_ns()
            self._thread.join()
        if self._committed:
            raise TimeoutError(f"{len(self._committed)} events were not seen within {_PATIENCE:.0f} s")

    def _look(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while self._left is None or (self._committed and time.monotonic_ns() < self._left + _PATIENCE * 1e9):
                row = connection.execute(self._sql, [self._tenant], prepare=True).fetchone()
                assert row
                self._seen(row[0], time.perf_counter())
                time.sleep(0.001)

    def _seen(self, upto: int, now: float) -> None:
        with self._lock:
            for position in [each for each in self._committed if each <= upto]:
                self.lags.append(max(0.0, now - self._committed.pop(position)) * 1000)


def lag(product: Product, tenant: UUID, seconds: float, seen: bytes = SEEN) -> Figures:
    """p50 and p99 in milliseconds."""
    watch, log = Watch(product.superuser, tenant, seen), product.logs.of(tenant)
    pending: list[Pending[Appended]] = []
    with watch.over():
        began = time.perf_counter()
        for number in range(max(RATE, int(RATE * seconds))):
            time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            fact = load.captured()
            future = log.submit(f"prospects/{uuid4()}", 0, [fact], load.meta(), load.once(fact))
            future.add_done_callback(watch.committed)
            pending.append(future)
        for each in pending:
            each.result(_PATIENCE)
    return notify.tail(watch.lags)

"""Worker processes of the product, as far as they keep views, joined as `api.bootstrap` joins them.

`python -m benchmarks.worker` opens the product that the environment names, says so with an empty line, and answers
each line on standard input with one: `renew` takes its fair share of leases, `run` begins to work.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from threading import Event, Thread
from typing import IO, Self
from uuid import UUID, uuid4

import psycopg

from adapters.postgres.leases import Leases
from adapters.postgres.views import Views
from api import bootstrap, settings
from benchmarks.writer import resident
from projections.kernel import View
from projections.runner import Runner
from projections.worker import Worker

POLL = 0.05
PATIENCE = 120
_VIEWS = sum(isinstance(each, View) for each in bootstrap.MODELS)
_BEHIND = b"""select count(*) from everlog.heads h where h.tenant_id = any(%s) and (
    select count(*) from everlog.checkpoints c where c.tenant_id = h.tenant_id and c.position = h.position) < %s"""


class Workers:
    """So many processes, ended with the block; the leases are shared out before they begin."""

    def __init__(self, environment: Mapping[str, str], count: int) -> None:
        self._environment = environment
        self._count = count
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            for _ in range(self._count):
                process = subprocess.Popen(
                    [sys.executable, "-m", "benchmarks.worker"],
                    env={**os.environ, **self._environment},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
                self._stack.callback(_end, process)
                self._processes.append(process)
            for process in self._processes:
                _line(process)
            # The first to ask takes all; the others are known by then, and each sheds what is more than its share.
            for _ in range(2):
                self._tell(b"renew")
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def resident(self) -> float:
        """KB of memory that the processes hold."""
        return sum(resident(process.pid) for process in self._processes)

    def catch_up(self, url: str, tenants: list[UUID]) -> float:
        """Seconds until the views of these tenants have all events. Raises `TimeoutError`."""
        began = time.perf_counter()
        self._tell(b"run")
        with psycopg.connect(url, autocommit=True) as connection:
            while time.perf_counter() < began + PATIENCE:
                [(behind,)] = connection.execute(_BEHIND, [tenants, _VIEWS]).fetchall()
                if not behind:
                    return time.perf_counter() - began
                time.sleep(POLL)
        raise TimeoutError("the views did not catch up")

    def _tell(self, word: bytes) -> None:
        for process in self._processes:
            writing = _pipe(process.stdin)
            writing.write(word + b"\n")
            writing.flush()
            _line(process)


def _line(process: subprocess.Popen[bytes]) -> bytes:
    if line := _pipe(process.stdout).readline():
        return line
    raise RuntimeError(f"a worker ended with {process.wait()}")


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe
    return pipe


def _end(process: subprocess.Popen[bytes]) -> None:
    _pipe(process.stdin).close()
    process.wait()
    _pipe(process.stdout).close()


def _work(product: bootstrap.Product, leases: Leases, stop: Event) -> None:
    told = product.telemetry

    def runner(tenant: UUID) -> Runner:
        log = product.logs.of(tenant)
        tap = told.tap(log, product.wakes.seen)
        store = Views(tenant, product.database, log)
        return Runner(tap, store, bootstrap.MODELS, meter=told.metrics, seen=tap.seen)

    with product.wakes.commits() as ear:
        poll = product.settings.poll or None
        Worker(leases, product.database.heads, runner, ear, poll, told.metrics.lag).run(stop)


def main() -> None:
    # What the product logs goes elsewhere: standard output carries the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    logging.disable(logging.WARNING)
    with bootstrap.product(settings.read(), worker=True) as product:
        leases, stop = Leases(product.database, uuid4()), Event()
        thread = Thread(target=_work, args=(product, leases, stop))
        answers.write(b"\n")
        for word in sys.stdin.buffer:
            if word.strip() == b"renew":
                leases.renew()
            else:
                thread.start()
            answers.write(b"\n")
        stop.set()
        if thread.is_alive():
            thread.join()
        leases.release()


if __name__ == "__main__":
    main()

"""Worker processes of the product, as far as they keep views, joined as `api.bootstrap` joins them.

`python -m benchmarks.worker` opens the product that the environment names, says so with an empty line, and answers
each line on standard input with one: `renew` takes its fair share of leases, `run` begins to work.
"""

import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event, Thread
from uuid import UUID, uuid4

import psycopg

from adapters.postgres.leases import Leases
from api import bootstrap, settings
from benchmarks.processes import Processes, answering
from projections.kernel import View
from projections.worker import Worker

POLL = 0.05
PATIENCE = 120
_VIEWS = sum(isinstance(each, View) for each in bootstrap.MODELS)
_BEHIND = b"""select count(*) from everlog.heads h where h.tenant_id = any(%s) and (
    select count(*) from everlog.checkpoints c where c.tenant_id = h.tenant_id and c.position = h.position) < %s"""


class Workers(Processes):
    """So many of these processes; the leases are shared out before they begin."""

    def __init__(self, environment: Mapping[str, str], count: int) -> None:
        super().__init__("benchmarks.worker", environment, count)

    def _opened(self) -> None:
        # The first to ask takes all; the others are known by then, and each sheds what is more than its share.
        for _ in range(2):
            self._told(b"renew", one_by_one=True)

    def catch_up(self, url: str, tenants: list[UUID]) -> float:
        """Seconds until the views of these tenants have all events. Raises `TimeoutError`."""
        began = time.perf_counter()
        self._told(b"run")
        with psycopg.connect(url, autocommit=True) as connection:
            while time.perf_counter() < began + PATIENCE:
                [(behind,)] = connection.execute(_BEHIND, [tenants, _VIEWS]).fetchall()
                if not behind:
                    return time.perf_counter() - began
                time.sleep(POLL)
        raise TimeoutError("the views did not catch up")


def _work(product: bootstrap.Product, leases: Leases, stop: Event) -> None:
    with product.wakes.commits() as ear, ThreadPoolExecutor(2, "views") as threads:
        poll = product.settings.poll or None
        runner = partial(bootstrap.runner, product, threads=threads)
        Worker(leases, product.database.heads, runner, ear, poll, product.telemetry.metrics.lag).run(stop)


def main() -> None:
    answers = answering()
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

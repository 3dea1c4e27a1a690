"""Where views are harmed: servers of their own, the product opened in this process, and logs of any length."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

from msgspec import Struct

from adapters.embedded import running, wipe
from application.ports import Appended
from benchmarks import load
from benchmarks.ground import Ground
from benchmarks.history import Past
from benchmarks.product import Product, opened
from domain.kernel import Recorded
from projections.runner import Runner
from tests.faults.account import Account
from tests.faults.evidence import Ledger
from tests.faults.trial import Found

CYCLE = 1000
"""Events that one cycle of these faults stands for."""
PAGE = 1000


class Stage(Struct, frozen=True):
    product: Product
    threads: ThreadPoolExecutor

    def runner(self, tenant: UUID) -> Runner:
        return self.product.runner(tenant, self.threads)

    def grown(self, events: int) -> tuple[UUID, Ledger]:
        """A tenant whose log has at least so many events, and the account of what was asked of it."""
        tenant = self.product.tenant()
        account = Account(self.product.logs.of(tenant))
        Past(account).grow(events, until=time.monotonic() + 3600)
        return tenant, account.ledger

    def log(self, tenant: UUID, after: int = 0) -> Iterator[Recorded]:
        while page := self.product.logs.of(tenant).read(after, PAGE):
            yield from page
            after = page[-1].position


@contextmanager
def staged(home: Path) -> Iterator[Stage]:
    folder = home / "home"
    try:
        with (
            running(folder) as servers,
            opened(Ground(servers, folder, "")) as product,
            ThreadPoolExecutor(2) as threads,
        ):
            yield Stage(product, threads)
    finally:
        wipe(folder)


class Appends:
    """Appends prospects one after the other until it is told to stop, and keeps account of each.

    It rests `pause` seconds after each.
    """

    def __init__(self, stage: Stage, tenant: UUID, pause: float) -> None:
        self._pause = pause
        self._log = stage.product.logs.of(tenant)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="appends")
        self.attempted = 0
        self.acknowledged: list[tuple[UUID, Appended]] = []
        self.problems: list[str] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._thread.join()

    def judge(self, stage: Stage, tenant: UUID, after: int, found: Found) -> None:
        """Whether exactly what was acknowledged stands behind a position, each where its acknowledgement says."""
        log = list(stage.log(tenant, after))
        found.attempted, found.acknowledged = self.attempted, len(self.acknowledged)
        where = {each.meta.event: each.position for each in log}
        lost = [event for event, told in self.acknowledged if where.get(event) != told.first]
        found.lost, found.duplicated = len(lost), len(log) - len(where)
        found.violations += self.problems + [f"acknowledged and not there: {event}" for event in lost]
        found.violations += ["an event stands twice"] * found.duplicated
        if [each.position for each in log] != list(range(after + 1, after + len(log) + 1)):
            found.violations.append("the positions are not one after the other")
        # An operator's command tells of itself in the same log.
        if sum(each.capability == "prospects" for each in log) > self.attempted:
            found.violations.append("the log holds what nobody attempted")

    def _run(self) -> None:
        while not self._stop.is_set():
            self.attempted += 1
            fact, meta = load.captured(), load.meta()
            try:
                told = self._log.submit(f"prospects/{uuid4()}", 0, [fact], meta, load.once(fact)).result(60)
            except Exception as problem:  # noqa: BLE001 - whatever it is, the judgement tells of it
                self.problems.append(f"an append failed: {type(problem).__name__}")
            else:
                self.acknowledged.append((meta.event, told))
            self._stop.wait(self._pause)

"""Every view is rebuilt while appends and reads go on: no read fails, and the copies are the same row by row."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec

from adapters.postgres.views import Views
from api import settings as configuration
from api.bootstrap import MODELS
from projections import audit, funnel, prospects
from projections.builds import Checkpoint, builds
from projections.runner import Runner
from tests.faults.stage import CYCLE, Appends, Stage, staged
from tests.faults.trial import Found, Trial
from tests.served import environment, everlog

LONGEST = 600.0
"""Seconds that the rebuild of a million events may take."""
PACE = 0.01
"""Seconds between two appends, and between two turns of four reads. A rebuild yields to both: without a pause the
log grows half as fast as it is folded."""
PATIENCE = 3600.0
"""Seconds after which the command is given up."""
CALM = 30.0
"""Seconds until no view is behind, once the appends have stopped."""
VIEWS = [each.view for each in builds(MODELS)]


class Reads:
    """Reads of what was there before, over and over on a loop of its own; what is missing or fails is noted."""

    def __init__(self, stage: Stage, tenant: UUID, known: list[UUID], head: int) -> None:
        self._product = stage.product.app
        self._tenant = tenant
        self._known = known
        self._head = head
        self._stop = threading.Event()
        self.answered = 0
        self.failed: list[str] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="reads")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    async def _run(self) -> None:
        await self._product.database.start()
        try:
            while not self._stop.is_set():
                await self.turn()
                await asyncio.sleep(PACE)
        finally:
            await self._product.database.stop()

    async def turn(self) -> None:
        reads = self._product.reads.of(self._tenant)
        number = self.answered % len(self._known)
        asked: dict[str, Any] = {
            "a prospect": prospects.Get(id=self._known[number]),
            "a page of prospects": prospects.List(limit=20),
            "an entry of the trail": audit.Event(position=1 + self.answered % self._head),
            "the funnel": funnel.Counts(),
        }
        for what, query in asked.items():
            try:
                answer = await query.answer(reads)
            except Exception as problem:  # noqa: BLE001 - whatever it is, a read has failed
                self.failed.append(f"reading {what} failed: {type(problem).__name__}")
                continue
            if answer is None or answer == [] or getattr(answer, "rows", True) == []:
                self.failed.append(f"{what} was not to be found")
        self.answered += 1


def run(trial: Trial) -> Found:
    found = Found()
    with staged(trial.home) as stage:
        tenant, _ = stage.grown(trial.cycles * CYCLE)
        runner = stage.runner(tenant)
        began = time.monotonic()
        head = runner.catch_up()
        found.notes["events"], found.notes["first build, s"] = head, round(time.monotonic() - began, 1)
        before = stage.product.worker.logs.of(tenant).head()[1]
        appends, reads = Appends(stage, tenant, PACE), Reads(stage, tenant, _known(stage, tenant), head)
        with reads.going_on(), appends.going_on():
            seconds = _rebuilt(stage, tenant, found)
        found.notes |= {"rebuild, s": round(seconds, 1), "reads": reads.answered * 4}
        if seconds > LONGEST:
            found.violations.append(f"the rebuild took {seconds:.0f} s")
        found.violations += reads.failed
        appends.judge(stage, tenant, before, found)
        _settled(runner, stage, tenant, found)
        found.control_red = _control(runner, stage, tenant, head)
    return found


def _known(stage: Stage, tenant: UUID) -> list[UUID]:
    known = {each.id: None for each in stage.product.logs.of(tenant).read(0, 500) if each.capability == "prospects"}
    return list(known)


def _rebuilt(stage: Stage, tenant: UUID, found: Found) -> float:
    """Seconds that an operator's command takes, in a process of its own, until every view is read from a new copy."""
    began = time.monotonic()
    named = environment(**configuration.environment(stage.product.settings))
    done = everlog(["views", "rebuild", str(tenant), "--json"], named, PATIENCE)
    assert done.returncode == 0, done.stderr
    told = msgspec.json.decode(done.stdout)
    found.violations += [f"{view} differs at {wrong}" for view, wrong in told["wrong"].items() if wrong != []]
    if told["wrong"].keys() != {view.name for view in VIEWS}:
        found.violations.append(f"rebuilt were {sorted(told['wrong'])}")
    return time.monotonic() - began


def _settled(runner: Runner, stage: Stage, tenant: UUID, found: Found) -> None:
    """No view is behind within its time, and every digest is that of the rows."""
    began = time.monotonic()
    runner.catch_up()
    head = stage.product.logs.of(tenant).head()[1]
    if time.monotonic() - began > CALM:
        found.violations.append("the views did not catch up in time")
    for lag in runner.lag():
        found.skipped += head - lag.position
        if lag.position != head or lag.parked:
            found.violations.append(f"{lag.view} stands at {lag.position} of {head}, {lag.parked} parked")
    found.violations += [f"the rows of {name} have another digest" for name in runner.check()]


def _control(runner: Runner, stage: Stage, tenant: UUID, head: int) -> bool:
    """A copy that readers are led to before it is built: they find nothing, and say so."""
    runner.rebuild("prospects")
    store = Views(tenant, stage.product.worker.database, stage.product.worker.logs.of(tenant))
    fresh = next(each for each in store.checkpoints() if each.view == "prospects" and each.position == 0)
    with store.work() as work:
        work.point(Checkpoint(fresh.view, fresh.version, fresh.slot, 1))
    reads = Reads(stage, tenant, _known(stage, tenant), head)
    with reads.going_on():
        until = time.monotonic() + 30
        while not reads.answered and time.monotonic() < until:
            time.sleep(0.01)
    return any("a prospect" in each for each in reads.failed)

"""The runner of one tenant's views: reads the log in batches, folds, and writes rows and checkpoints together."""

import gc
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from itertools import groupby
from time import monotonic, sleep
from typing import Any
from uuid import UUID

from domain.kernel import Recorded
from projections import repair
from projections.builds import SOON, Checkpoint, Difference, Later, Slot, Spoilt, Stale, Store, Tail, Unread, mark
from projections.kernel import Aggregate, Lag, View
from projections.looks import Aside
from projections.overlap import Overlap
from projections.passes import Meter, Passes, Silent

_log = logging.getLogger(__name__)

BATCH = 4000
"""Events folded at once, unless told otherwise: a row that several of them touch is written once."""
LONG = 10.0
"""Seconds for which a runner that is far behind goes on before it looks around."""


class Runner:
    """Keeps a tenant's views up with its log. For one thread; any number of processes may run one for the same tenant.

    One of them moves the checkpoint, and what the others did is undone. `batch` is the number of events folded at once;
    `seen` is told tenant, generation and position when all live views have moved on. With `threads`, two or more, one
    batch is read and another folded while a third is written; and a batch takes fewer exchanges with the database.
    `aside` is where large copies are looked at before they are read, so that no step takes as long as that.
    """

    def __init__(
        self,
        log: Tail,
        store: Store,
        models: Iterable[View[Any] | Aggregate[Any]],
        batch: int = BATCH,
        meter: Meter | None = None,
        seen: Callable[[UUID, int, int], object] | None = None,
        threads: Executor | None = None,
        aside: Aside | None = None,
    ) -> None:
        self._log = log
        self._store = store
        self._batch = batch
        self._passes = Passes(store, models, meter or Silent(), aside)
        self._seen = seen
        self._told = (0, 0)
        self._threads = threads
        self._overlap = Overlap(self._passes, threads) if threads else None
        self._ahead: tuple[int, Future[list[Recorded]]] | None = None
        self._known: list[Checkpoint] | None = None

    def step(self, seconds: float = 0.0) -> int:
        """Apply at least one batch to each view; how many events that were, 0 where all are caught up.

        With `threads`, full batches follow each other for so many seconds. Raises `Later` if nothing can be done yet.
        """
        with _undisturbed():
            return self._step(seconds)

    def _step(self, seconds: float) -> int:
        known, self._known = self._known, None
        generation, head = self._log.head()
        applied, after = 0, []
        stale, upto = False, None
        for group in _groups(self._begin() if known is None else known):
            try:
                events, moved = self._pass(group, upto, generation, head, monotonic() + seconds)
            except Stale:
                stale, upto = True, group[0].position
                continue
            applied += events
            after += moved
            # Where those ahead stand by now, not where they stood: while appends go on nobody else would ever be level.
            upto = moved[0].position
        if stale:
            _log.debug("Another hand moved checkpoints of tenant %s.", self._store.tenant)
            return max(applied, 1)
        settled = later = False
        try:
            settled = repair.settle(self._passes, after, head)
        except Stale:
            return max(applied, 1)
        except Later:
            later = True
        self._known = None if settled or later else after
        self._tell(after)
        if not applied:
            self._passes.rest()
            if later:
                raise Later
        return applied

    def _go_on(self) -> int:
        """A long step, or a short rest where nothing can be done now."""
        try:
            return self.step(LONG)
        except Later:
            sleep(SOON)
            return 1

    def catch_up(self) -> int:
        """Step until there is nothing left; how many events were applied."""
        total = 0
        while applied := self._go_on():
            total += applied
        return total

    def place(self) -> tuple[int, int]:
        """Generation and position that all views have reached; (0, 0) where that is not known."""
        return min(((each.generation, each.position) for each in self._known or ()), default=(0, 0))

    def lag(self) -> list[Lag]:
        return [each for each in self._store.lag() if (each.view, each.version) in self._passes.declared]

    def retry(self, view: str = "") -> int:
        """Try parked events again, of one view or of all; how many are left."""
        left = 0
        for each in self._begin():
            if each.parked and view in ("", each.view):
                left += repair.retry(self._passes, self._log, each)
        self._known = None
        return left

    def rebuild(self, view: str) -> None:
        """Begin to build a view once more beside the live one; steps do it, and swap them when it has caught up."""
        repair.rebuild(self._passes, self._begin(), view)
        self._known = None

    def renew(self, views: Sequence[str] = ()) -> dict[str, list[Difference] | None]:
        """Rebuild views, or all, and step until readers read the new copies: what was wrong in those they replaced.

        What was cut short before is gone on with. None where another runner put the copy in place: its log tells.

        Raises:
            Unread, Spoilt: as they say; readers go on as before.
        """
        before = self._slots(views)
        names = sorted({view for view, _ in before})
        for view in names:
            with suppress(Stale):
                self.rebuild(view)
            self._passes.found.pop(view, None)
        while before.items() & self._passes.live(again=True).items():
            self._go_on()
            if spoilt := {each.view for each in self._passes.wrong}.intersection(names):
                raise Spoilt(min(spoilt))
        return {view: self._passes.found.get(view) for view in names}

    def _slots(self, views: Sequence[str]) -> dict[tuple[str, int], Slot]:
        """Which slots of these, or of all, are read. Raises `Unread`."""
        live = self._passes.live(again=True)
        read = {each: live[each] for each in self._passes.declared if each in live and (not views or each[0] in views)}
        if missing := set(views) - {view for view, _ in read}:
            raise Unread(min(missing))
        return read

    def check(self) -> list[str]:
        """The views whose live rows do not have the digest that was kept while folding: `rebuild` repairs them."""
        return [each.view for each in repair.check(self._passes, self._begin())]

    def found(self, view: str) -> list[Difference]:
        """The rows that the last rebuild of a view found wrong in the copy it replaced."""
        return self._passes.found.get(view, [])

    def _tell(self, known: Sequence[Checkpoint]) -> None:
        live = self._passes.live()
        places = [
            (each.generation, each.position) for each in known if live.get((each.view, each.version)) == each.slot
        ]
        if self._seen and places and min(places) > self._told:
            self._told = min(places)
            self._seen(self._store.tenant, *self._told)

    def _begin(self) -> list[Checkpoint]:
        """The checkpoints of the declared views; others belong to another release."""
        self._passes.live(again=True)
        declared = self._passes.declared.keys()
        known = [each for each in self._store.checkpoints() if (each.view, each.version) in declared]
        if missing := declared - {(each.view, each.version) for each in known}:
            self._store.begin([Checkpoint(view, version) for view, version in sorted(missing)])
            return self._begin()
        return known

    def _pass(
        self, group: list[Checkpoint], upto: int | None, generation: int, head: int, until: float
    ) -> tuple[int, list[Checkpoint]]:
        """A batch for builds at the same place, up to where others stand: from there on they go together.

        More of them until it is time (monotonic), where there is a thread to write them.
        """
        position = group[0].position
        stale = any(each.generation != generation for each in group)
        if position == head and not stale:
            return 0, group
        events = self._read(max(position - 1, 0), self._batch + bool(position), upto)
        if position:
            if not events or mark(events[0]) != group[0].mark:
                repair.restart(self._passes, group)
                raise Stale
            events = events[1:]
        if not events and not stale:
            return 0, group
        if self._overlap and events:
            return self._overlap.run(group, self._batches(events, upto, until), generation)
        return len(events), self._passes.apply(group, events, generation)

    def _batches(self, events: list[Recorded], upto: int | None, until: float) -> Iterator[list[Recorded]]:
        """A batch and those behind it, while they are full. Raises `Stale` where the log is not the same any longer."""
        yield events
        while len(events) == self._batch and monotonic() < until:
            last = events[-1]
            again = self._read(last.position - 1, self._batch + 1, upto)
            if not again or mark(again[0]) != mark(last):
                raise Stale
            if not (events := again[1:]):
                return
            yield events

    def _read(self, after: int, limit: int, upto: int | None) -> list[Recorded]:
        """Events, and where there are many more, the next ones meanwhile."""
        ahead, self._ahead = self._ahead, None
        if ahead and ahead[0] == after and upto is None:
            events = ahead[1].result()
        else:
            events = self._log.read(after, limit, upto)
        if self._threads and upto is None and len(events) >= limit:
            onward = events[-1].position - 1
            self._ahead = (onward, self._threads.submit(self._log.read, onward, self._batch + 1))
        return events


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A batch makes many objects and no cycles: looking through them for garbage takes a quarter of the time.

    Where several threads do this, one may switch collection on while another would have it off; that costs time only.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _groups(known: Sequence[Checkpoint]) -> list[list[Checkpoint]]:
    """Checkpoints at the same place, those furthest on first."""
    ordered = sorted(known, key=lambda each: each.place, reverse=True)
    return [list(group) for _, group in groupby(ordered, key=lambda each: each.place)]

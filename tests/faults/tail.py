"""The tail race: eight writers, three readers, each in its own way; nobody is passed over, nothing is out of order.

A cycle is a second. The library's database functions, which number before they commit, are the control.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from random import Random
from typing import Protocol
from uuid import UUID, uuid4

from adapters.postgres.committer import Committer
from adapters.postgres.database import Database, found
from adapters.postgres.recorder import Recorder
from tests.adapters.postgres.atoms import atom, stream
from tests.faults.house import House, housed
from tests.faults.interleavings import gap_is_given_up, later_commits_first, ours
from tests.faults.library import Library
from tests.faults.trial import Found, Trial

WRITERS = 8
PAGE = 200
CONTROL = 60
"""Seconds after which the control is given up."""


class Store(Protocol):
    """Anything that numbers events."""

    def append(self, dice: Random) -> list[int]:
        """The numbers of what was appended, once it is committed."""
        ...

    def after(self, number: int, upto: int | None = None) -> list[int]: ...

    def greatest(self) -> int: ...

    def follow(self, start: int) -> AbstractContextManager[Iterator[int]]: ...


class Ours:
    """One tenant's log; each of its writers is a process's committer, with a connection of its own."""

    def __init__(self, database: Database, tenant: UUID, committer: Committer) -> None:
        self.recorder = Recorder(tenant, database, committer)
        self._streams = [stream() for _ in range(4)]
        self._versions = dict.fromkeys(self._streams, 0)

    def append(self, dice: Random) -> list[int]:
        name, size = dice.choice(self._streams), dice.randint(1, 3)
        done = self.recorder.submit(atom(name, self._versions[name] + 1, size)).result(60)
        self._versions[name] += size
        return list(range(done.first, done.last + 1))

    def after(self, number: int, upto: int | None = None) -> list[int]:
        return [row[0] for row in self.recorder.rows(number, PAGE, upto)]

    def greatest(self) -> int:
        return self.recorder.head()[1]

    @contextmanager
    def follow(self, start: int) -> Iterator[Iterator[int]]:
        with self.recorder.subscribe(start) as subscription:
            yield (each.id for each in subscription)


def run(trial: Trial) -> Found:
    with housed(trial.home) as house:
        told = raced(house.settings.database, trial, trial.cycles)
        told.control_red, told.notes = control(house, trial)
    return told


def raced(url: str, trial: Trial, seconds: float) -> Found:
    with ExitStack() as stack:
        database, tenant = stack.enter_context(Database(url, size=16)), uuid4()
        found(database, tenant)
        stores = [Ours(database, tenant, stack.enter_context(Committer(url))) for _ in range(WRITERS)]
        written, seen = race(stores, trial, seconds)
    told = judged(written, seen)
    if missed := ours(url):
        told.violations.append(f"by hand, a reader of the log passes over {missed}")
    return told


def control(house: House, trial: Trial) -> tuple[bool, dict[str, float | str]]:
    """The same race and the same hands, over numbers that are drawn before the commit: readers must be misled."""
    owner, began, skipped = house.settings.owner, time.monotonic(), 0
    with closing(Library(owner)) as library:
        while not skipped and time.monotonic() - began < CONTROL:
            skipped = judged(*race([library] * WRITERS, trial, 3)).skipped
    by_hand = {"a later commit first": later_commits_first(owner), "a gap given up": gap_is_given_up(owner)}
    notes: dict[str, float | str] = {
        "the library's readers passed over": skipped,
        "within, s": round(time.monotonic() - began, 1),
        **{f"by hand, {what}: passed over": str(missed) for what, missed in by_hand.items()},
    }
    return skipped > 0 and all(by_hand.values()), notes


def race(stores: Sequence[Store], trial: Trial, seconds: float) -> tuple[list[int], list[list[int]]]:
    """All write and read at once; then readers read to the end.

    Answers with the numbers that writers were told, and those that each reader has seen, in its order.
    """
    stop, end = threading.Event(), threading.Event()
    start = stores[0].greatest()
    with ThreadPoolExecutor(WRITERS + len(READERS)) as pool:
        writing = [pool.submit(_write, store, trial.dice(n), stop) for n, store in enumerate(stores)]
        reading = [pool.submit(reader, stores[n], start, end) for n, reader in enumerate(READERS)]
        try:
            wait(writing, seconds, FIRST_EXCEPTION)
            stop.set()
            written = [number for each in writing for number in each.result()]
            last = stores[0].greatest()
        finally:
            stop.set()
            end.set()
            # Who follows and has seen it all waits for more: one more lets them look up, and counts for nobody.
            stores[0].append(trial.dice(WRITERS))
        return written, [[number for number in each.result() if number <= last] for each in reading]


def judged(written: Sequence[int], seen: Sequence[Sequence[int]]) -> Found:
    """Everything acknowledged once and without a gap, and each reader has seen it all, in order, once."""
    told, whole = Found(attempted=len(written), acknowledged=len(written)), sorted(written)
    if whole != list(range(1, len(whole) + 1)):
        told.violations.append("the numbers have a gap, or one twice")
    for reader, mine in zip(READERS, seen, strict=True):
        told.skipped += (passed := len(set(whole) - set(mine)))
        told.duplicated += len(mine) - len(set(mine))
        if passed:
            told.violations.append(f"the reader {reader.__name__} was led past {passed} events")
        if mine != sorted(set(mine)):
            told.violations.append(f"the reader {reader.__name__} saw events out of order, or twice")
        if set(mine) - set(whole):
            told.violations.append(f"the reader {reader.__name__} saw what nobody wrote")
    return told


def paging(store: Store, start: int, end: threading.Event) -> list[int]:
    """Goes on behind the last it has seen."""
    seen, last = list[int](), start
    while (page := store.after(last)) or not _over(store, last, end):
        seen += page
        last = page[-1] if page else last
    return seen


def by_greatest(store: Store, start: int, end: threading.Event) -> list[int]:
    """Asks for the greatest number first, reads up to there, and goes on behind it, whatever there was to read."""
    seen, last = list[int](), start
    while (upto := store.greatest()) > last or not _over(store, last, end):
        at = last
        while page := store.after(at, upto):
            seen += page
            at = page[-1]
        last = max(last, upto)
    return seen


def followed(store: Store, start: int, end: threading.Event) -> list[int]:
    """Follows as the library's subscribers do: one at a time, as it is told of them."""
    seen = list[int]()
    with store.follow(start) as following:
        while not _over(store, seen[-1] if seen else start, end):
            seen.append(next(following))
    return seen


READERS = (paging, by_greatest, followed)


def _over(store: Store, last: int, end: threading.Event) -> bool:
    return end.is_set() and last >= store.greatest()


def _write(store: Store, dice: Random, stop: threading.Event) -> list[int]:
    done = list[int]()
    while not stop.is_set():
        done += store.append(dice)
    return done

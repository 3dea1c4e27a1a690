"""A copy is looked at before readers get to see it: all its rows, beside the tenant's other work and without a lock."""

from collections.abc import Callable, Collection
from concurrent.futures import Future
from datetime import datetime
from threading import Lock, Thread

from msgspec import Struct

from projections.builds import Checkpoint, Difference, Key, Later

FEW = 10_000
"""Rows that are looked at on the spot; more take a second for each hundred thousand, in another thread."""


class Seen(Struct, frozen=True):
    """What was seen of a copy at one moment."""

    fresh: Checkpoint
    pointed: datetime | None
    """When readers of its view were last pointed to a copy."""
    right: bool
    """Whether its rows had the digest that was kept while folding. Batches move both alike: so they have it since."""
    found: list[Difference]
    """What was wrong in the copy that it is to replace."""

    def speaks_for(self, now: Checkpoint, pointed: datetime | None) -> bool:
        """Whether it was this very copy, which has only been folded on since."""
        onward = (now.generation, pointed) == (self.fresh.generation, self.pointed)
        return onward and now.position >= self.fresh.position


class Aside:
    """A thread for what takes long, one thing at a time. It keeps no process from ending."""

    def __init__(self) -> None:
        self._free = Lock()

    def begin(self, look: Callable[[], Seen]) -> Future[Seen] | None:
        """None while it is busy."""
        if not self._free.acquire(blocking=False):
            return None
        done: Future[Seen] = Future()

        def run() -> None:
            try:
                done.set_result(look())
            except BaseException as error:  # noqa: BLE001 - whoever asks for what was seen is told
                done.set_exception(error)
            finally:
                self._free.release()

        Thread(target=run, name="looks", daemon=True).start()
        return done


class Looks:
    """Those of one tenant. Without `aside` each is taken on the spot, however long that takes."""

    def __init__(self, aside: Aside | None = None) -> None:
        self._aside = aside
        self._taken: dict[Key, Seen] = {}
        self._going: dict[Key, Future[Seen]] = {}

    def of(self, copy: Checkpoint, look: Callable[[], Seen]) -> Seen:
        """What was seen of a copy, until that is dropped. Raises `Later` while it is not known, and as `look` does."""
        key = copy.key
        if key not in self._taken:
            self._taken[key] = self._result(key, look) if self._aside and copy.rows > FEW else look()
        return self._taken[key]

    def _result(self, key: Key, look: Callable[[], Seen]) -> Seen:
        if key not in self._going:
            if not self._aside or not (begun := self._aside.begin(look)):
                raise Later
            self._going[key] = begun
        if not self._going[key].done():
            raise Later
        return self._going.pop(key).result()

    def drop(self, copy: Checkpoint) -> None:
        self._taken.pop(copy.key, None)

    def keep(self, copies: Collection[Checkpoint]) -> None:
        """Forget all others."""
        for gone in (self._taken.keys() | self._going.keys()) - {each.key for each in copies}:
            self._taken.pop(gone, None)
            self._going.pop(gone, None)

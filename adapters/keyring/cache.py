"""Subject keys in memory: bounded in number and in time, shared by all tenants of a process."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import Any
from uuid import UUID

from adapters.crypto import SubjectKey
from domain.kernel import Erased
from tenants.keys import SUBJECTS

Held = SubjectKey | Erased
"""A subject's key, or the knowledge that it is gone."""

_SIZE = 50_000


def bound(held: dict[Any, Any], size: int) -> None:
    """Drop what was added first until there are no more than `size`; another thread may be doing the same."""
    while len(held) > size:
        with suppress(StopIteration, RuntimeError):
            held.pop(next(iter(held)), None)


class Cache:
    """Of what was added first, most is dropped first; a subject in use is fetched anew once in a lifetime.

    The lifetime is how long a process may go on opening what another process has erased, if nobody tells it.
    """

    def __init__(self, size: int = _SIZE, lifetime: float = SUBJECTS, clock: Callable[[], float] = monotonic) -> None:
        self._size = size
        self._lifetime = lifetime
        self._clock = clock
        # By the integers of UUIDs, which hash many times faster than UUIDs do.
        self._held: dict[tuple[int, int], tuple[Held, float]] = {}
        self._lock = Lock()

    def get(self, tenant: UUID, subject: UUID) -> Held | None:
        found = self._held.get((tenant.int, subject.int))
        if found is None or found[1] < self._clock():
            return None
        return found[0]

    def put(self, tenant: UUID, held: Iterable[tuple[UUID, Held]]) -> None:
        until = self._clock() + self._lifetime
        with self._lock:
            for subject, key in held:
                self._held.pop((tenant.int, subject.int), None)
                self._held[tenant.int, subject.int] = (key, until)
            self._expire()
            bound(self._held, self._size)

    def _expire(self) -> None:
        """Let go of what is not opened with any more: it stands first, since all live equally long."""
        now = self._clock()
        while self._held and self._held[first := next(iter(self._held))][1] < now:
            del self._held[first]

    def forget(self, tenant: UUID, subjects: Iterable[UUID]) -> None:
        with self._lock:
            for subject in subjects:
                self._held.pop((tenant.int, subject.int), None)

    def drop(self, tenant: UUID) -> None:
        """All of one tenant's."""
        with self._lock:
            for key in [each for each in self._held if each[0] == tenant.int]:
                del self._held[key]

    def clear(self) -> None:
        with self._lock:
            self._held.clear()

    def __len__(self) -> int:
        return len(self._held)

"""Group commit: concurrent appends share a transaction, each with its own answer."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Self
from uuid import UUID

from adapters.postgres.atom import Atom, Committed
from adapters.postgres.lane import Drained, Lane
from adapters.postgres.queue import Limits

_log = logging.getLogger(__name__)

OnCommit = Callable[[UUID, int, int], None]

_LIMITS = Limits()


class Committer:
    """Takes atoms from any thread or event loop, and answers each by a future.

    `on_commit(tenant, generation, last position)` and `on_drain` are called in the committer's thread after a commit,
    and must not block. Tenants are spread over `lanes`, each a thread with a connection of its own.
    """

    def __init__(
        self,
        url: str,
        on_commit: OnCommit | None = None,
        *,
        on_drain: Callable[[Drained], None] | None = None,
        lanes: int = 1,
        limits: Limits = _LIMITS,
    ) -> None:
        self._watchers: list[OnCommit] = [on_commit] if on_commit else []
        self._returns: list[Callable[[], None]] = []
        self._lanes = [Lane(url, self._committed, on_drain, limits, self._returned) for _ in range(lanes)]
        self._open = False

    def open(self) -> None:
        if not self._open:
            self._open = True
            for lane in self._lanes:
                lane.start()

    def close(self) -> None:
        """Write what waits, then stop. Later submissions are refused with `Busy`."""
        if self._open:
            self._open = False
            for lane in self._lanes:
                lane.stop()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, tenant: UUID, atom: Atom) -> Future[Committed]:
        """Append an atom. Never blocks, and cannot be cancelled.

        Raises:
            Busy: too much waits already, of this tenant or altogether; nothing was taken.
            Behind: the entries of one stream do not follow one another.
            ValueError: a text holds the character 0 or a lone surrogate.

        The future raises what `atom` lists: `Behind`, `Reserved`, `Gone`, `Minting`, `Restamped`, `Tracked`,
        `Unfounded`, `Busy`, `Failing`, `Full`, `Unsettled`, or another of the library's `PersistenceError`.
        """
        future: Future[Committed] = Future()
        future.set_running_or_notify_cancel()

        def tell(outcome: Committed | Exception) -> None:
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

        self.hand(tenant, atom, tell)
        return future

    def hand(self, tenant: UUID, atom: Atom, tell: Callable[[Committed | Exception], None]) -> None:
        """The same; `tell` is called with the outcome in the committer's thread, and must not block."""
        self._lanes[tenant.int % len(self._lanes)].submit(tenant, atom, tell)

    @property
    def waiting(self) -> int:
        """Atoms that are submitted and not answered yet."""
        return sum(lane.waiting for lane in self._lanes)

    def watch(self, watcher: OnCommit) -> Callable[[], None]:
        """Call back after each commit, until the function that is returned is called."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def on_return(self, watcher: Callable[[], None]) -> None:
        """Call back, in a committer's thread, whenever a lost connection was made again, without blocking."""
        self._returns.append(watcher)

    def _returned(self) -> None:
        for watcher in self._returns:
            watcher()

    def _committed(self, tenant: UUID, generation: int, last: int) -> None:
        for watcher in tuple(self._watchers):
            try:
                watcher(tenant, generation, last)
            except Exception:  # noqa: BLE001 - whatever it is, the commit stands and the next watcher is told
                _log.exception("A watcher of commits failed; the commit stands.")

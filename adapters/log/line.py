"""Appends that need keys which are not at hand: fetched together off the event loop, then sent in order."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from threading import Lock

from adapters.keyring import Ring
from adapters.log.draft import Draft, told


class Line:
    """Once one append of a tenant waits for keys, those that come later wait behind it, so that none overtakes."""

    def __init__(self, ring: Ring, executor: Executor, send: Callable[[Draft], None]) -> None:
        self._ring = ring
        self._executor = executor
        self._send = send
        self._waiting: list[Draft] = []
        self._running = False
        self._lock = Lock()

    @property
    def empty(self) -> bool:
        return not self._running

    def put(self, draft: Draft) -> None:
        """Raises `RuntimeError` where the executor is shut down."""
        with self._lock:
            self._waiting.append(draft)
            if not self._running:
                self._executor.submit(self._run)
                self._running = True

    def _run(self) -> None:
        while drafts := self._take():
            try:
                self._prepare(drafts)
            except Exception as problem:  # noqa: BLE001 - whatever it is, each caller is told
                for draft in drafts:
                    draft.answer.set_exception(told(problem))
                continue
            for draft in drafts:
                self._send(draft)

    def _take(self) -> list[Draft]:
        with self._lock:
            taken, self._waiting = self._waiting, []
            self._running = bool(taken)
            return taken

    def _prepare(self, drafts: Sequence[Draft]) -> None:
        if not self._ring.keys.ready:
            self._ring.keys.provision()
        lacking = [each for draft in drafts for each in self._ring.lacks(draft.subjects)]
        if lacking:
            fresh = {draft.fresh for draft in drafts}
            self._ring.fetch(each for each in lacking if each in fresh)
            self._ring.ensure([each for each in dict.fromkeys(lacking) if each not in fresh])

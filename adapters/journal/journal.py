"""`application.ports.Journal`: concurrent answers share a sync, and what is synced is carried into the log."""

import asyncio
import logging
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Self
from uuid import UUID

from adapters.journal.drain import ASIDE, Logs, carry, seal
from adapters.journal.segment import SUFFIX, Segment
from application.pending import Pending
from application.ports import Seen, Unrecorded

LARGE = 1 << 20
"""Bytes after which a file is carried over before its time."""
EVERY = 1.0
"""Seconds that an answer stays in its file at most, as long as the log takes facts."""
MOST = 64 << 20
"""Bytes that wait for the log before nothing more is shown."""
LINGER = 0.003
"""Seconds that an answer waits for others to share its sync, while most of those under way have not come to theirs."""
SEARCH = 5.0
"""Seconds between searches for files of processes that have died."""

_log = logging.getLogger(__name__)
_Kept = tuple[bytes, Seen, Pending[None]]
_Full = tuple[Segment, list[Seen] | None]
"""A file, and what this process knows to be in it; None where it must be read."""


class Journal:
    """Of one process; any number of them share the folder.

    Two threads: one writes and syncs, the other carries files that are complete into the log.
    """

    def __init__(self, folder: Path, logs: Logs, every: float = EVERY, most: int = MOST) -> None:
        self._folder = folder
        self._logs = logs
        self._every = every
        self._most = most
        self._segment: Segment | None = None
        self._held: list[Seen] = []
        self._began = 0.0
        self._behind = 0
        self._waiting: dict[UUID, frozenset[UUID]] = {}
        self._asked: SimpleQueue[list[_Kept] | None] = SimpleQueue()
        self._gathered: list[_Kept] = []
        self._timer: asyncio.TimerHandle | None = None
        self._full: SimpleQueue[_Full | None] = SimpleQueue()
        self._threads = [threading.Thread(target=run, name="journal") for run in (self._write, self._carry)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Carry over what there is; what the log does not take stays for the next start."""
        self._send()
        self._asked.put(None)
        for thread in self._threads:
            thread.join()

    def files(self) -> dict[str, int]:
        """How many files of the folder wait for the logs, and how many were set aside for somebody to look at."""
        ends = Counter(each.suffix for each in self._folder.glob("*.*"))
        return {"waiting": ends[SUFFIX], **{why: ends[f".{why}"] for why in ASIDE}}

    async def keep(self, seen: Seen, serving: int = 1) -> None:
        """Return once it is synced. Raises `Unrecorded`. All who keep do so on one event loop."""
        if self._behind > self._most:
            raise Unrecorded
        key = await self._logs.of(seen.tenant).tokened("journal", "seal")
        pending: Pending[None] = Pending()
        self._gathered.append((seal(key, seen), seen, pending))
        if 2 * len(self._gathered) >= serving:
            self._send()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER, self._send)
        await pending

    def _send(self) -> None:
        """Have what is gathered written."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            self._asked.put(gathered)

    def _write(self) -> None:
        ended = False
        while not ended:
            batch = self._next()
            ended = None in batch
            if kept := [one for each in batch if each for one in each]:
                self._sync(kept)
            if ended or (self._segment and self._due(self._segment)):
                self._hand_over()
        self._full.put(None)

    def _next(self) -> list[list[_Kept] | None]:
        """All that wait now; nothing where the file's time has come first."""
        batch: list[list[_Kept] | None] = []
        with suppress(Empty):
            batch.append(self._asked.get(timeout=self._every))
            while True:
                batch.append(self._asked.get_nowait())
        return batch

    def _due(self, segment: Segment) -> bool:
        return segment.size > LARGE or monotonic() - self._began > self._every

    def _sync(self, batch: list[_Kept]) -> None:
        try:
            if self._segment is None:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._segment, self._began = Segment.create(self._folder), monotonic()
            self._segment.write([payload for payload, _, _ in batch])
        except OSError as problem:
            _log.error("The journal takes no reads (%s), and nothing personal is shown.", problem.strerror)
            # What follows half a frame could not be read, and after a failed sync nobody knows what is on disk.
            self._hand_over(sure=False)
            for _, _, pending in batch:
                pending.set_exception(Unrecorded())
            return
        for _, seen, pending in batch:
            self._held.append(seen)
            pending.set_result(None)

    def _hand_over(self, *, sure: bool = True) -> None:
        held, self._held = self._held, []
        if segment := self._segment:
            self._segment = None
            self._full.put((segment, held if sure else None))

    def _carry(self) -> None:
        due = 0.0
        while True:
            try:
                if monotonic() >= due:
                    due = monotonic() + SEARCH
                    self._search()
                self._behind = sum(map(_size, self._folder.glob(f"*{SUFFIX}")))
            except OSError as problem:
                # The disk may be away for a while: who carries must outlast that.
                _log.warning("The journal's folder cannot be looked through: %s.", problem.strerror)
            with suppress(Empty):
                full = self._full.get(timeout=SEARCH)
                if full is None:
                    return
                self._try(*full)

    def _search(self) -> None:
        """What processes that are no more, or the log's refusals, have left."""
        for path in self._folder.glob(f"*{SUFFIX}"):
            with suppress(OSError):
                if segment := Segment.abandoned(path):
                    self._try(segment)

    def _try(self, segment: Segment, held: list[Seen] | None = None) -> None:
        try:
            carry(segment, self._logs, self._waiting, held)
        except Exception as problem:  # noqa: BLE001 - whatever it is, the file stays and is tried again
            _log.warning("%s is not in the log yet: %s.", segment.path.name, type(problem).__name__)
            segment.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0

"""What a worker writes down of a model as it folds it, and where it goes on from when it starts again."""

import time
import zlib
from typing import Any

import msgspec
import structlog

from application.ports import Log
from application.predictions import Keeping, Latest, Reaction
from domain.kernel import Recorded
from tenants.keys import Misplaced

_log = structlog.get_logger(__name__)
FRESH = 0.2
"""Seconds between two words of how far a model has come, where there is nothing else to keep."""
PAUSE = 5.0
"""Seconds from one time that all of a model is left to the next, at least."""
PACE = 50_000
"""All of it, however large, takes no more than so many bytes a second of the database."""
MOST = 2**28
"""Bytes of the largest that is left, compressed; whoever is larger is folded from the log."""


class Notebook:
    """One model's. Without `keeping` nothing is written, and every start folds the whole log."""

    def __init__(self, log: Log, reaction: Reaction, keeping: Keeping | None) -> None:
        self._log = log
        self._reaction = reaction
        self._keeping = keeping
        self._notes: list[Any] = reaction.learner.noted() if keeping else []
        self._told = self._left = 0
        self._soon = self._next = 0.0

    def resume(self) -> Recorded | None:
        """Load what a worker left of this model; the fact behind which that is. None where the log is to be folded."""
        if self._keeping is None:
            return None
        try:
            if (latest := self._keeping.left()) is None:
                return None
            stood = self._log.read(latest.position - 1, 1)
            if not stood or stood[0].meta.event != latest.event:
                return None
            self._reaction.load(zlib.decompress(latest.dumped))
        except (Misplaced, msgspec.MsgspecError):
            _log.exception("predictions.kept-unsound", tenant=str(self._log.tenant))
            return None
        self._left = latest.position
        return stood[0]

    def keep(self, last: Recorded | None) -> None:
        """Everything up to a fact is folded; nothing of what came of the last facts is recorded yet."""
        if self._keeping is None or last is None:
            return
        learner, now = self._reaction.learner, time.monotonic()
        self._notes += learner.noted()
        if self._notes or (last.position > self._told and now >= self._soon):
            self._keeping.put(self._notes, last.position, learner.erased_at)
            self._notes, self._told, self._soon = [], last.position, now + FRESH
        if last.position > self._left and now >= self._next:
            self._leave(self._keeping, last)

    def close(self, last: Recorded | None) -> None:
        """The same, and leave all of it, so that whoever goes on folds nothing again."""
        self.keep(last)
        if self._keeping and last and last.position > self._left:
            self._leave(self._keeping, last)

    def _leave(self, keeping: Keeping, last: Recorded) -> None:
        # The labels of a table are a sixth of their size then.
        dumped = zlib.compress(self._reaction.dump(), zlib.Z_BEST_SPEED)
        if len(dumped) <= MOST:
            keeping.leave(Latest(last.position, last.meta.event, dumped))
        self._left, self._next = last.position, time.monotonic() + max(PAUSE, len(dumped) / PACE)

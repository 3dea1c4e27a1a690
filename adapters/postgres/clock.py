"""The clock that events are recorded by: recorded time cannot go back, but it could stand still or run ahead."""

import logging
import time
from uuid import UUID

from adapters.postgres.drain import Answer

_log = logging.getLogger(__name__)
_BACK = 1.0
_APART = 60.0
"""Seconds that the server's clock may go back, and that it may differ from this machine's."""
_QUIET = 60.0
"""Seconds between two warnings."""


class Clock:
    def __init__(self) -> None:
        self._warned = float("-inf")

    def look(self, tenant: UUID, said: Answer) -> None:
        if said.base is None:
            return
        back, apart = said.behind / 1e6, said.at.timestamp() - time.time()
        if back > _BACK:
            self._warn("The database's clock stands %.1f s behind the log of tenant %s.", back, tenant)
        elif abs(apart) > _APART:
            self._warn("The database's clock and this machine's are %.0f s apart (tenant %s).", apart, tenant)

    def _warn(self, words: str, seconds: float, tenant: UUID) -> None:
        if time.monotonic() - self._warned > _QUIET:
            self._warned = time.monotonic()
            _log.warning(words, seconds, tenant)

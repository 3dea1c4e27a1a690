"""How long a caller waits for the log: whoever asks is told in time, also where a server says nothing."""

import asyncio
from typing import TypeVar

from application.pending import Pending
from application.ports import Unanswered

T = TypeVar("T")

SECONDS = 4.5
"""From the last answer, or from the beginning: of the commands of a bulk the first one that nobody answers is waited
for, and the others no longer than that one."""


class Patience:
    """One request's, which has waited `spent` seconds already. Build it in the event loop."""

    def __init__(self, seconds: float = SECONDS, spent: float = 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._until = self._loop.time() + seconds - spent

    async def answer(self, pending: Pending[T]) -> T:
        """What it comes to.

        Raises:
            Unanswered: nobody answered in time. The append goes on by itself and may be written yet, or not at all.
        """
        if not pending.done():
            try:
                async with asyncio.timeout_at(self._until):
                    # Its own failure is asked for below: it may be a `TimeoutError` as well.
                    await pending.settled()
            except TimeoutError as late:
                raise Unanswered from late
        self._until = self._loop.time() + self._seconds
        return pending.result()

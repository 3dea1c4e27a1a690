"""Who asks is told in time, whatever of that time went by before the log was asked."""

import asyncio

import pytest

from application.patience import SECONDS, Patience
from application.pending import Pending
from application.ports import Unanswered


def waited(spent):
    """What a caller is told whom nobody answers, within a time that is short beside the whole."""

    async def ask():
        async with asyncio.timeout(SECONDS / 10):
            await Patience(spent=spent).answer(Pending())

    asyncio.run(ask())


def test_what_was_waited_before_counts():
    with pytest.raises(Unanswered):
        waited(SECONDS - SECONDS / 100)
    # The control: with all of its time before it, it would be waiting still.
    with pytest.raises(TimeoutError):
        waited(0)

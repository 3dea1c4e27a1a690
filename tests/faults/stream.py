"""Two organisations that stream into a house while it is done harm to, and the judgement of what stands afterwards."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.faults.aftermath import late, settled, standing
from tests.faults.house import House
from tests.faults.kills import Feed
from tests.faults.onlookers import Onlookers, onlookers
from tests.faults.sealing import SEALER
from tests.faults.trial import Found

BULK = 9
"""Commands a request."""
PAUSE = 0.2
"""Seconds between two: commits are many and small."""


class Streaming:
    def __init__(self, house: House, feeds: list[Feed], eyes: Onlookers) -> None:
        self.feeds = feeds
        self.tenants = [feed.client.tenant for feed in feeds]
        self._house = house
        self._eyes = eyes

    def calm(self, *parts: str) -> None:
        """The harm is over: with these parts running, let clients end and everything catch up, then judge at rest."""
        with ExitStack() as running:
            for words in parts:
                running.enter_context(self._house.kept(words))
            for feed in self.feeds:
                feed.enough()
            since = time.monotonic()
            settings, sealed = self._house.settings, SEALER in parts
            self.lags = [
                settled(settings, feed.client.tenant, feed.captures, since, sealed=sealed) for feed in self.feeds
            ]
            self._eyes.arrive(settings.nats)

    def judged(self) -> Found:
        """Once nothing runs any more."""
        stands = [standing(self._house.settings, tenant) for tenant in self.tenants]
        found = self._eyes.judge([feed.ledger for feed in self.feeds], stands)
        missed = self._eyes.missed(self.feeds[0].ledger, stands[0])
        found.late = late(max(self.lags))
        found.control_red = not missed
        found.notes |= {
            "all was well again after, s": round(max(self.lags), 1),
            "overlooked by the control": ", ".join(missed),
        }
        return found


@contextmanager
def streaming(house: House, least: int = 0, *passing: int) -> Iterator[Streaming]:
    """Two clients that send, two that follow, a watch on the checkpoints and a learner, which nobody harms.

    `passing` are statuses after which those that send repeat a request, beside those after which any client does.
    """
    with ExitStack() as stack:
        organisations = [house.organisation() for _ in range(2)]
        stack.enter_context(house.kept("worker learning"))
        eyes = stack.enter_context(onlookers(lambda: house.settings, organisations))
        feeds = [Feed(*each, least=least, bulk=BULK, pause=PAUSE) for each in organisations]
        for feed in feeds:
            feed.client.passing |= set(passing)
            stack.callback(feed.abandon)
        yield Streaming(house, feeds, eyes)

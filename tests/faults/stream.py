"""Two organisations that stream into a house while it is done harm to, and the judgement of what stands afterwards."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.faults.aftermath import carried, late, settled, standing
from tests.faults.control import overlooked, unseen
from tests.faults.house import House
from tests.faults.kills import Feed, judged
from tests.faults.subscriber import Subscriber, subscribed
from tests.faults.trial import Found
from tests.faults.watch import Marks, watching

BULK = 9
"""Commands a request."""
PAUSE = 0.2
"""Seconds between two: commits are many and small, and the data last for a quarter of an hour."""


class Streaming:
    def __init__(self, house: House, feeds: list[Feed], followers: list[Subscriber], marks: Marks) -> None:
        self.feeds = feeds
        self.tenants = [feed.client.tenant for feed in feeds]
        self._house = house
        self._followers = followers
        self._marks = marks

    def calm(self, *parts: str) -> None:
        """The harm is over: with these parts running, let clients end and everything catch up, then judge at rest."""
        with ExitStack() as running:
            for words in parts:
                running.enter_context(self._house.kept(words))
            for feed in self.feeds:
                feed.enough()
            since = time.monotonic()
            settings = self._house.settings
            self.lags = [settled(settings, feed.client.tenant, feed.captures, since) for feed in self.feeds]
            self.streams = [asyncio.run(carried(settings.nats, tenant)) for tenant in self.tenants]
            for follower, stream in zip(self._followers, self.streams, strict=True):
                follower.reach(stream.digests[-1][0])

    def judged(self) -> Found:
        """Once nothing runs any more."""
        stands = [standing(self._house.settings, tenant) for tenant in self.tenants]
        found = Found(violations=self._marks.judged(), late=late(max(self.lags)))
        for feed, after, stream, follower in zip(self.feeds, stands, self.streams, self._followers, strict=True):
            found.add(judged(feed.ledger, after, stream, follower.arrived))
        arrived = self._followers[0].arrived
        missed = unseen(self.feeds[0].ledger, stands[0].log) + overlooked(stands[0], self.streams[0], arrived)
        found.control_red = not missed
        found.notes = {
            "all was well again after, s": round(max(self.lags), 1),
            "looks at checkpoints": self._marks.looks,
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
        marks = stack.enter_context(watching(lambda: house.settings, [tenant for _, tenant, _ in organisations]))
        followers = [stack.enter_context(subscribed(url, key)) for url, _, key in organisations]
        feeds = [Feed(*each, least=least, bulk=BULK, pause=PAUSE) for each in organisations]
        for feed in feeds:
            feed.client.passing |= set(passing)
            stack.callback(feed.abandon)
        yield Streaming(house, feeds, followers, marks)

"""Those who look on while things are broken: a client on each organisation's live stream, a watch on checkpoints."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from uuid import UUID

from adapters.nats.consume import Gap
from api.settings import Settings
from tests.faults import sidelines
from tests.faults.aftermath import Aftermath, Carried, carried
from tests.faults.control import overlooked, unseen
from tests.faults.evidence import Ledger, counted, torn
from tests.faults.sidelines import astray, unstamped
from tests.faults.subscriber import Place, Subscriber, misled, passed_over, subscribed
from tests.faults.trial import Found
from tests.faults.watch import Marks, watching
from tests.waiting import until

UNLIKE = "differs from its rebuild"
"""The violation where a view is other than what the log folds to."""


class Onlookers:
    """Of some organisations, in their order."""

    def __init__(self, tenants: Sequence[UUID], marks: Marks, followers: Sequence[Subscriber]) -> None:
        self.streams: list[Carried] = []
        self.tenants = tenants
        self._marks = marks
        self._followers = followers

    def arrive(self, nats: str, patience: float = 0.0) -> None:
        """All is calm: read what JetStream holds, and let the followers come to its end.

        For `patience` seconds the relay may still be putting right what JetStream has lost. Raises
        `adapters.nats.consume.Gap` where an event is missing.
        """
        self.streams = [_whole(nats, tenant, patience) for tenant in self.tenants]
        for follower, stream in zip(self._followers, self.streams, strict=True):
            follower.reach(stream[-1][0])

    def judge(self, ledgers: Sequence[Ledger], stands: Sequence[Aftermath], *, whole: bool = True) -> Found:
        """What stands of each, once nothing runs any more. `whole`: each client repeated what was not acknowledged."""
        found = Found(violations=self._marks.judged())
        for ledger, after, stream, follower in zip(ledgers, stands, self.streams, self._followers, strict=True):
            found.add(views_and_stream(ledger, after, stream, follower.arrived))
            if whole and len(ledger.acknowledged) != len(ledger.attempted):
                found.violations.append("not all that was attempted was acknowledged in the end")
        found.notes = {
            "looks at checkpoints": self._marks.looks,
            "streams that subscribers opened": sum(follower.streams for follower in self._followers),
        }
        return found

    def missed(self, ledger: Ledger, after: Aftermath) -> list[str]:
        """The control: what of everything that may go wrong is not seen in what was found right of the first."""
        missed = unseen(ledger, after.log) + overlooked(after, self.streams[0], self._followers[0].arrived)
        return missed + sidelines.unseen(ledger, after.beside, after.log)


@contextmanager
def onlookers(settings: Callable[[], Settings], organisations: Sequence[tuple[str, UUID, str]]) -> Iterator[Onlookers]:
    """`organisations`: where each is served, its tenant, the key of its admin."""
    tenants = [tenant for _, tenant, _ in organisations]
    with ExitStack() as stack:
        followers = [stack.enter_context(subscribed(url, key)) for url, _, key in organisations]
        yield Onlookers(tenants, stack.enter_context(watching(settings, tenants)), followers)


def held(ledger: Ledger, after: Aftermath) -> Found:
    """The log by the client's account, what commits with it, and views beside a rebuild."""
    found = counted(ledger, after.log)
    found.violations += [f"{view} {UNLIKE}: {rows[:2]}" for view, rows in after.differing.items()]
    if after.parked:
        found.violations.append(f"{after.parked} events are parked")
    found.violations += astray(after.beside, after.log) + unstamped(ledger, after.beside, after.log)
    return found


def views_and_stream(ledger: Ledger, after: Aftermath, stream: Carried, arrived: Sequence[Place]) -> Found:
    """The same, and JetStream and a subscriber beside the log."""
    found = held(ledger, after)
    found.skipped += len(set(after.digests) - set(stream)) + len(passed_over(arrived, after.log))
    found.duplicated += len(stream) - len(set(stream)) + len(arrived) - len(set(arrived))
    found.violations += torn(stream, after.digests) + misled(arrived, after.log)
    return found


def _whole(nats: str, tenant: UUID, patience: float) -> Carried:
    def complete() -> Carried:
        try:
            return asyncio.run(carried(nats, tenant))
        except Gap:
            if not patience:
                raise
        return []

    return until(complete, patience)

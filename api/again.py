"""A past prediction made again: from the log alone, or from where its model is known to have stood."""

from collections.abc import Callable, Iterator
from heapq import merge
from operator import attrgetter

import structlog
from msgspec.structs import replace

from api.taught import opened
from application.ports import Log
from application.predictions import Kept, Learner, Recomputed, recompute, recompute_near
from domain.kernel import Recorded
from domain.predictions import Made
from domain.privacy import privacy
from domain.prospects import prospects
from projections.predictions.kept import Incomplete
from tenants.keys import Misplaced

_log = structlog.get_logger(__name__)
MOST = 50_000
"""Events that are folded anew while somebody waits."""


def again(made: Made, log: Log, learner: Callable[[], Learner], kept: Kept) -> Recomputed | None:
    """None where that takes the whole log, and the log is too long for somebody who waits. Synchronous.

    What is found from a kept state and is not `equal` is looked at once more from the whole log where that can be.
    """
    near = _near(made, log, learner(), kept)
    if near and (near.verdict == "equal" or made.position > MOST):
        return near
    if made.position > MOST:
        return None
    return recompute(made, opened(log, made.position), learner())


def _near(made: Made, log: Log, learner: Learner, kept: Kept) -> Recomputed | None:
    try:
        point = kept.near(made.model, made.build, made.position)
        if point is None:
            return None
        learner.stand(point)
    except (Misplaced, Incomplete):
        _log.exception("predictions.kept-unsound", tenant=str(log.tenant), model=made.model)
        return None
    stood = point.stand.position if point.stand else 0
    return replace(recompute_near(made, _own(made, log), learner), stood=stood)


def _own(made: Made, log: Log) -> Iterator[Recorded]:
    """The facts of a prospect and of what they consented to, in the log's order, opened."""
    streams = (log.stream(f"{each.name}/{made.prospect}") for each in (prospects, privacy))
    for recorded in merge(*streams, key=attrgetter("position")):
        if recorded.position > made.position:
            return
        yield replace(recorded, fact=log.open(recorded.fact))

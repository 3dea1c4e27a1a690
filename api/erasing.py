"""How an erasure unlearns: a tenant's models by folding its log anew."""

from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from api.learning import opened
from application.ports import Log
from application.predictions import Learner
from domain.privacy import Learned
from domain.prospects import prospects


class Replayed:
    """`application.privacy.Unlearning`: a tenant's models by folding its log from the beginning.

    They are folded beside whatever else the process does, so it takes as long as a worker that starts to learn anew.
    """

    def __init__(self, log: Log, learner: Callable[[], Learner]) -> None:
        self._log = log
        self._learner = learner

    def teaches(self, subject: UUID) -> bool:
        return next(self._log.stream(f"{prospects.name}/{subject}", 1), None) is not None

    def states(self, positions: Iterable[int]) -> Mapping[int, tuple[Learned, ...]]:
        found = dict[int, tuple[Learned, ...]]()
        learner, wanted = None, sorted(set(positions))
        for position in wanted:
            learner = learner or self._learner()
            for recorded in opened(self._log, position, learner.position):
                learner.step(recorded)
            found[position] = (Learned(learner.name, learner.digest(), learner.build),)
        return found

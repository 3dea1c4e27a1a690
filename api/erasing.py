"""How an erasure unlearns: a tenant's models by folding its log anew."""

from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from api.taught import opened
from application.ports import Log
from application.predictions import Kept, Learner
from domain.privacy import Learned
from domain.prospects import prospects


class Replayed:
    """`application.privacy.Unlearning`: a tenant's models by folding its log from the beginning.

    They are folded beside whatever else the process does, so it takes as long as a worker that starts to learn anew.
    """

    def __init__(self, log: Log, learner: Callable[[], Learner], kept: Kept) -> None:
        self._log = log
        self._learner = learner
        self._kept = kept

    def teaches(self, subject: UUID) -> bool:
        return next(self._log.stream(f"{prospects.name}/{subject}", 1), None) is not None

    def forget(self) -> None:
        self._kept.forget()

    def states(self, positions: Iterable[int]) -> Mapping[int, tuple[Learned, ...]]:
        found = dict[int, tuple[Learned, ...]]()
        learner, wanted = None, sorted(set(positions))
        for position in wanted:
            learner = learner or self._learner()
            for recorded in opened(self._log, position, learner.position):
                learner.step(recorded)
            found[position] = (Learned(learner.name, learner.digest(), learner.build),)
        return found

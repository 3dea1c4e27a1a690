"""Fits of challengers: begun at a label, in use from a capture, both counted in the log."""

from collections.abc import Mapping
from concurrent.futures import Executor, Future

from msgspec import Struct

from projections.predictions.definition import Definition
from projections.predictions.engine import Challenger, Scorer


class Fit(Struct, frozen=True):
    challenger: str
    labels: int
    position: int
    due: int
    """The capture from which it is in use."""
    result: Future[Scorer | None]


class Underway(Struct, frozen=True):
    """The same without its result, which follows from the labels."""

    challenger: str
    labels: int
    position: int
    due: int


class Fits:
    """Those under way. With an executor they run beside the fold, without one when they are due."""

    def __init__(
        self, definition: Definition, challengers: Mapping[str, Challenger], executor: Executor | None
    ) -> None:
        self._challengers = challengers
        self._executor = executor
        self._next = {refit: refit.first for refit in definition.refits}
        self._ahead: list[Fit] = []

    def begin(self, labels: int, position: int, captures: int) -> None:
        """Begin what is to be fitted once so many labels are known."""
        for refit in self._next:
            if labels >= self._next[refit]:
                self._next[refit] = refit.next(labels)
                self._ahead.append(self._fit(Underway(refit.challenger, labels, position, captures + refit.adopt)))

    def wait(self, captures: int) -> None:
        """Return when everything due by this capture has been fitted."""
        for fit in self._ahead:
            if fit.due <= captures:
                if self._executor is None:
                    fit.result.set_result(self._challengers[fit.challenger].fit(fit.labels))
                fit.result.result()

    def due(self, captures: int) -> list[Fit]:
        """Those to be used from this capture on, which `wait` has waited for."""
        due = [fit for fit in self._ahead if fit.due <= captures]
        self._ahead = [fit for fit in self._ahead if fit.due > captures]
        return due

    @property
    def state(self) -> tuple[list[int], list[Underway]]:
        """At how many labels each refit comes next, and what is under way."""
        return list(self._next.values()), [
            Underway(each.challenger, each.labels, each.position, each.due) for each in self._ahead
        ]

    @state.setter
    def state(self, state: tuple[list[int], list[Underway]]) -> None:
        """What was under way is begun again."""
        coming, ahead = state
        self._next = dict(zip(self._next, coming, strict=True))
        self._ahead = [self._fit(each) for each in ahead]

    def _fit(self, begun: Underway) -> Fit:
        result: Future[Scorer | None] = Future()
        if self._executor is not None:
            result = self._executor.submit(self._challengers[begun.challenger].fit, begun.labels)
        return Fit(begun.challenger, begun.labels, begun.position, begun.due, result)

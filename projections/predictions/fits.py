"""Fits of challengers: begun at a label, in use from a capture, both counted in the log."""

from collections.abc import Mapping
from concurrent.futures import Executor, Future

from msgspec import Struct

from projections.predictions.definition import Definition, Refit
from projections.predictions.engine import Challenger, Scorer


class Fit(Struct, frozen=True):
    challenger: str
    labels: int
    position: int
    due: int
    """The capture from which it is in use."""
    result: Future[Scorer | None]


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
                self._ahead.append(self._fit(refit, labels, position, captures + refit.adopt))

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

    def _fit(self, refit: Refit, labels: int, position: int, due: int) -> Fit:
        result: Future[Scorer | None] = Future()
        if self._executor is not None:
            result = self._executor.submit(self._challengers[refit.challenger].fit, labels)
        return Fit(refit.challenger, labels, position, due, result)

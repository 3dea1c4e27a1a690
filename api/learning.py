"""The learning half of a worker: each tenant's model kept up with its log, and asked for scores."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from api.keeping import Notebook
from api.taught import BATCH, own, taught
from application.pending import Pending
from application.ports import Appended, Conflict, Log, SubjectErased, Unanswered
from application.predictions import Emission, Keeping, Learner, Reaction, emit
from domain.kernel import Recorded
from domain.predictions import Made
from domain.privacy import ErasureCertified

_log = structlog.get_logger(__name__)
PARTING = 3.0
"""Seconds that a worker takes to leave its models when it ends."""
REST = 1.0
"""Seconds until what failed is tried again."""
WAIT = 30.0
"""Seconds that a prediction may take to be recorded before it is tried again."""


class Superseded(Exception):
    """The log was restored without the fact that was folded last: what was learned is of a past that did not happen."""


class Torn(Exception):
    """Something failed half way through a batch: what was folded of it would be folded again."""


class Unlearn(Exception):
    """Subjects were erased whom the model may have learned from: it is to be folded anew."""

    def __init__(self, subjects: list[UUID]) -> None:
        super().__init__(len(subjects))
        self.subjects = subjects


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """A request for a score, made now and recorded."""

    prospect: UUID


class Model:
    """One tenant's learner, fed from the log, and what it comes to put back into the log.

    `advance` is for one thread, `score` for others.
    """

    def __init__(self, log: Log, learner: Learner, keeping: Keeping | None = None) -> None:
        """`keeping` has what is kept of the model: where it goes on, and what makes its predictions again."""
        self._log = log
        self._reaction = Reaction(learner)
        self._notebook = Notebook(log, self._reaction, keeping)
        self._last = self._notebook.resume()
        """The fact that was folded last."""
        self._replayed = log.head()[1]
        """Up to here the log may hold already what the learner comes to."""
        self._erased = self._last.position if self._last else self._replayed
        """Whose erasure was certified up to here was met as erased, if at all."""
        self._torn = False
        self._underway: dict[UUID, tuple[Emission, Pending[Appended]]] = {}

    @property
    def position(self) -> int:
        return self._last.position if self._last else 0

    @property
    def caught_up(self) -> bool:
        return self.position >= self._replayed

    def advance(self) -> int:
        """Fold what the log has got since, record what came of it, and answer how many facts were folded.

        Raises:
            Superseded, Torn, Unlearn: another model is to be opened.
        """
        if self._torn:
            raise Torn
        batch = self._unseen()
        if gone := [each.id for each in batch if each.position > self._erased and _unlearns(each)]:
            raise Unlearn(gone)
        facts = taught(self._log, batch)
        self._torn = True
        for recorded in facts:
            self._reaction.step(recorded)
        self._last, self._torn = (batch[-1] if batch else self._last), False
        # Before what came of it is recorded, so that a prediction on record can be made again soon.
        self._notebook.keep(self._last)
        if self.caught_up:
            self._record()
        return len(batch)

    def leave(self) -> None:
        """Have another go on with it."""
        if not self._torn:
            self._notebook.close(self._last)

    def _unseen(self) -> list[Recorded]:
        """The next batch. Raises `Superseded` where the log has no longer what was folded last."""
        batch = self._log.read(max(self.position - 1, 0), BATCH + bool(self.position))
        if self._last is None:
            return batch
        if not batch or _name(batch[0]) != _name(self._last):
            raise Superseded
        return batch[1:]

    def score(self, prospect: UUID) -> Made:
        """Predict now, and record it. Raises `Refused`; `Unanswered` while the log is still being replayed."""
        if not self.caught_up:
            raise Unanswered(5)
        made = self._reaction.learner.score(prospect, lambda: own(self._log, prospect))
        try:
            self._submit(emit(made)).result(WAIT)
        except Conflict:
            # The same was asked from the same state of the log before: the answer is on record.
            return made
        return made

    def _record(self) -> None:
        for emission in self._reaction.due():
            if emission.meta.event not in self._underway:
                self._underway[emission.meta.event] = (emission, self._submit(emission))
        problems: Counter[str] = Counter()
        for event, (emission, future) in list(self._underway.items()):
            if future.done():
                del self._underway[event]
                if self._settled(emission, future, problems):
                    self._reaction.settled(emission)
        # One line for all of them: while the log's disk is full, none can be recorded.
        for problem, count in problems.items():
            _log.warning("prediction.not-recorded", tenant=str(self._log.tenant), problem=problem, count=count)

    def _settled(self, emission: Emission, future: Pending[Appended], problems: Counter[str]) -> bool:
        """Whether it needs no second try: it is on record, or never can be."""
        problem = future.exception()
        if problem is None or isinstance(problem, SubjectErased):
            return True
        if isinstance(problem, Conflict):
            return problem.actual > emission.expected
        problems[type(problem).__name__] += 1
        return False

    def _submit(self, emission: Emission) -> Pending[Appended]:
        return self._log.submit(emission.stream, emission.expected, [emission.fact], emission.meta)


def _nothing(*_: object) -> None:
    """Nobody holds keys."""


class Models:
    """The models of the tenants this process holds the lease of."""

    def __init__(
        self,
        open_model: Callable[[UUID], Model],
        forget: Callable[[UUID, list[UUID]], object] = _nothing,
        threads: Executor | None = None,
    ) -> None:
        """`forget` has the keys of a tenant's subjects let go of, so that nothing of them is learned again.

        With `threads` models are folded side by side: most of the time one waits for a fit.
        """
        self._each = threads.map if threads else map
        self._open = open_model
        self._forget = forget
        self._models: dict[UUID, Model] = {}
        self._resting: dict[UUID, float] = {}
        """Until when each that failed is left alone."""
        self._lock = threading.Lock()

    def run(
        self,
        renew: Callable[[], set[UUID]],
        lease: float,
        wait: Callable[[float], object],
        stop: threading.Event,
        poll: float,
    ) -> None:
        """Keep the models of the tenants that `renew` answers with; `lease` is how many seconds that holds."""
        held: set[UUID] = set()
        until = 0.0
        while not stop.is_set():
            try:
                if time.monotonic() >= until:
                    held, until = renew(), time.monotonic() + lease / 3
                    self._keep(held)
                if not self.turn(held):
                    wait(poll)
            except Exception as problem:  # noqa: BLE001 - the database may be away: go on when it is back
                _log.warning("learning.failed", problem=type(problem).__name__)
                stop.wait(REST)
        self._leave(self._models, time.monotonic() + PARTING)

    def turn(self, held: Iterable[UUID]) -> int:
        """One batch of each, so that none waits for another's whole log; how many facts were folded.

        What fails with one, such as keys that were taken back, keeps the others from nothing.
        """
        folded, now, problems = 0, time.monotonic(), Counter[str]()
        ready = [tenant for tenant in sorted(held) if self._resting.get(tenant, 0.0) <= now]
        for tenant, outcome in zip(ready, self._each(self._tried, ready), strict=True):
            if isinstance(outcome, Exception):
                problems[type(outcome).__name__] += 1
                self._resting[tenant] = now + REST
            else:
                folded += outcome
                self._resting.pop(tenant, None)
        for name, count in problems.items():
            _log.warning("learning.failed", problem=name, count=count)
        return folded

    def _tried(self, tenant: UUID) -> int | Exception:
        try:
            return self.advance(tenant)
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is tried again
            return problem

    def advance(self, tenant: UUID) -> int:
        """Fold one batch of a tenant's log; how many facts that was."""
        if (model := self._models.get(tenant)) is None:
            model = self._open(tenant)
            with self._lock:
                self._models[tenant] = model
        try:
            return model.advance()
        except Superseded:
            _log.warning("learning.superseded", tenant=str(tenant))
        except Torn:
            _log.warning("learning.begins-again", tenant=str(tenant))
        except Unlearn as erased:
            _log.info("learning.unlearns", tenant=str(tenant), subjects=len(erased.subjects))
            self._forget(tenant, erased.subjects)
        # Nobody is scored by what was learned until the new one has caught up.
        with self._lock:
            self._models[tenant] = model = self._open(tenant)
        return model.advance()

    def score(self, tenant: UUID, payload: bytes) -> Made:
        """Answer a request for a score. Raises `Unanswered` where another process has the model."""
        model = self._models.get(tenant)
        if model is None:
            raise Unanswered(2)
        return model.score(msgspec.json.decode(payload, type=Asked).prospect)

    def _keep(self, held: set[UUID]) -> None:
        """Leave the models of tenants that another process has now."""
        self._resting = {tenant: until for tenant, until in self._resting.items() if tenant in held}
        with self._lock:
            given = self._models.keys() - held
            left = {tenant: self._models.pop(tenant) for tenant in given}
        self._leave(left, time.monotonic() + PARTING)

    def _leave(self, models: Mapping[UUID, Model], until: float) -> None:
        """As many as there is time for: whoever goes on with another folds again what came since it was left."""
        for tenant, model in models.items():
            if time.monotonic() < until:
                try:
                    model.leave()
                except Exception as problem:  # noqa: BLE001 - what is left only saves work
                    _log.warning("learning.not-left", tenant=str(tenant), problem=type(problem).__name__)


def _unlearns(recorded: Recorded) -> bool:
    """Whether an erasure was certified that models had learned something for."""
    return isinstance(recorded.fact, ErasureCertified) and bool(recorded.fact.before)


def _name(recorded: Recorded) -> tuple[int, UUID]:
    """Tells a fact, and by its generation all that stands before it."""
    return recorded.generation, recorded.meta.event

"""The learner: a fold over a tenant's log that learns each outcome at a fixed horizon and says what it thinks.

What it thinks depends on the log alone, up to a position: refits begin after so many labels and are used after so many
captures, whatever the clock says; a fit that is not ready by then is waited for.
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from threading import Lock
from uuid import UUID

from msgspec import msgpack

from domain.kernel import Recorded, Refused
from domain.predictions import Facts, Features, Made, Promoted, Refitted, stream
from domain.privacy import PROFILING, ConsentGiven, ConsentWithdrawn
from domain.prospects import Captured, Lost, Rectified, SignalObserved, Won
from projections.predictions.contest import Contest
from projections.predictions.definition import Definition
from projections.predictions.engine import Engine
from projections.predictions.fits import Fit, Fits
from projections.predictions.kept import EVERY, WEIGHT, Adopted, Incomplete, Lesson, Note, Point, Stand, Whole
from projections.predictions.known import Known, Quiet, captured, gathered
from projections.predictions.state import State


class Learner:
    """`step` folds one opened fact and answers what the model came to; `score` answers for a prospect at any time.

    `score` may be called from another thread than `step`.
    """

    def __init__(self, definition: Definition, engine: Engine, executor: Executor | None = None) -> None:
        self.definition = definition
        self.name = definition.name
        self.position = 0
        self.erased_at: int | None = None
        """The first position at which something to learn from was found erased."""
        members = set(definition.members)
        self._challengers = {name: each for name, each in engine.challengers().items() if name in members}
        self._fits = Fits(definition, self._challengers, executor)
        self._state = State(definition, engine)
        self.build = self._state.build
        self._contest = Contest(definition)
        self._known: dict[UUID, Known] = {}
        self._quiet = Quiet()
        self._silent: set[UUID] = set()
        """Who has withdrawn their consent to be profiled. Nothing depends on their order."""
        self._horizon: deque[UUID] = deque()
        self._captures = self._predictions = self._milestones = 0
        self._notes: list[Note] | None = None
        self._next = EVERY
        """Labels behind which the state is kept again."""
        self._lock = Lock()

    def fold(self, facts: Iterable[Recorded]) -> list[Facts]:
        return [fact for recorded in facts for fact in self.step(recorded)]

    def step(self, recorded: Recorded) -> list[Facts]:
        """Fold one fact. Each answer is to be recorded once, and is the same whenever the log is folded again."""
        fact = recorded.fact
        if isinstance(fact, Captured):
            # Before the lock is taken, so that scoring goes on with what is in use while a fit is late.
            self._fits.wait(self._captures + 1)
        with self._lock:
            self.position = recorded.position
            match fact:
                case Captured():
                    return self._captured(recorded.id, fact)
                case SignalObserved():
                    return self._observed(recorded.id, fact)
                case Rectified():
                    self._rectified(recorded.id, fact)
                case ConsentGiven(purpose=purpose) | ConsentWithdrawn(purpose=purpose) if purpose == PROFILING:
                    (self._silent.discard if isinstance(fact, ConsentGiven) else self._silent.add)(recorded.id)
                case Won() | Lost():
                    self._closed(recorded.id, isinstance(fact, Won))
            return []

    def score(self, prospect: UUID, own: Callable[[], Iterable[Recorded]]) -> Made:
        """What the model says of an open prospect now. Refuses one it does not know, or whose data are erased.

        `own` answers with the prospect's own facts, opened: who was predicted and is past the horizon is not
        remembered. It is asked while nothing is folded, so that they are all there up to this position.
        """
        with self._lock:
            known = self._known.get(prospect) or gathered(each for each in own() if each.position <= self.position)
            if known is None or known.erased or known.won is not None:
                raise Refused("predictions.prospect-not-open")
            if prospect in self._silent:
                raise Refused("predictions.consent-withdrawn")
            return self._state.made(prospect, known.features, 0, self.position)

    def digest(self) -> str:
        """SHA-256 of everything that the next prediction depends on."""
        return self._state.digest()

    def noted(self) -> list[Note]:
        """What is to be kept of what was folded since this was asked last; the first time is before anything is."""
        notes, self._notes = self._notes or [], []
        return notes

    def stand(self, point: Point) -> None:
        """Be where a model stood, knowing nobody. Who is to be predicted for is met by folding their own facts.

        Raises `Incomplete`.
        """
        if point.stand:
            self._state.load(point.stand.dumped)
        for lesson, made in point.lessons:
            self._state.learn(made, lesson.won, lesson.champion)
        for each in point.adopted:
            scorer = self._challengers[each.challenger].load(each.dumped)
            self._state.committee.adopt(each.challenger, each.labels, scorer)
        if not self._state.committee.speaks(self._state.champion):
            raise Incomplete
        self.position, self.erased_at = point.position, point.erased_at

    def dump(self) -> bytes:
        """All of it. Another of the same build that loads it goes on as if it had folded the same facts."""
        state = self._state
        adopted = state.committee.adopted.items()
        whole = Whole(
            position=self.position,
            erased_at=self.erased_at,
            state=state.dump(),
            adopted=tuple((name, labels, scorer.dump()) for name, (labels, scorer) in adopted),
            labels={name: each.dump() for name, each in self._challengers.items()},
            fits=self._fits.state,
            contest=self._contest.state,
            known=self._known,
            quiet=self._quiet.packed,
            silent=frozenset(self._silent),
            horizon=tuple(self._horizon),
            captures=self._captures,
            predictions=self._predictions,
            milestones=self._milestones,
            next=self._next,
        )
        return msgpack.encode(whole)

    def load(self, dumped: bytes) -> None:
        """Raises `msgspec.MsgspecError` for what no learner of this build has dumped."""
        whole = msgpack.decode(dumped, type=Whole)
        self._state.load(whole.state)
        for name, challenger in self._challengers.items():
            challenger.restore(whole.labels[name])
        for name, labels, scorer in whole.adopted:
            self._state.committee.adopt(name, labels, self._challengers[name].load(scorer))
        self._fits.state, self._contest.state = whole.fits, whole.contest
        self._known, self._silent, self._horizon = dict(whole.known), set(whole.silent), deque(whole.horizon)
        self._quiet = Quiet(whole.quiet)
        self._captures, self._predictions, self._milestones = whole.captures, whole.predictions, whole.milestones
        self.position, self.erased_at, self._next = whole.position, whole.erased_at, whole.next

    def _captured(self, prospect: UUID, fact: Captured) -> list[Facts]:
        self._captures += 1
        milestones = [each for fit in self._fits.due(self._captures) for each in self._adopt(fit)]
        self._known[prospect] = self._met(captured(fact))
        self._horizon.append(prospect)
        if len(self._horizon) > self.definition.horizon:
            milestones += self._settle(self._horizon.popleft())
        return milestones

    def _rectified(self, prospect: UUID, fact: Rectified) -> None:
        """What is predicted from now on sees what is right; what was predicted before is learned as it was seen."""
        known = self._known.get(prospect) or self._quiet.take(prospect)
        if known is None:
            return
        known.rectify(fact)
        self._met(known)
        if prospect not in self._known:
            self._quiet.put(prospect, known)

    def _observed(self, prospect: UUID, fact: SignalObserved) -> list[Facts]:
        # Who is predicted past the horizon is not remembered any more: nothing is learned from that.
        known = self._known.get(prospect) or self._quiet.take(prospect)
        if known is None:
            return []
        known.observe(fact)
        if self._met(known).number:
            return []
        self._predictions += 1
        known.number = self._predictions
        if known.erased or prospect in self._silent:
            return []
        known.made = self._state.made(prospect, known.features, known.number, self.position)
        return [known.made]

    def _closed(self, prospect: UUID, won: bool) -> None:  # noqa: FBT001 - a label is a truth value
        self._quiet.take(prospect)
        if prospect not in self._known:
            return
        self._known[prospect].won = won

    def _settle(self, prospect: UUID) -> list[Facts]:
        """At its horizon, learn a prospect's outcome, if there is one by then."""
        known = self._known.pop(prospect)
        if known.won is None:
            if not known.number:
                self._quiet.put(prospect, known)
            return []
        if known.made is None or known.erased or prospect in self._silent:
            return []
        return self._learn(known.made, known.won)

    def _learn(self, made: Made, won: bool) -> list[Facts]:  # noqa: FBT001 - a label is a truth value
        left, features = self._contest.champion, made.features
        assert isinstance(features, Features)  # noqa: S101 - it was made here, opened
        standings = self._contest.learn(dict(made.candidates), won)
        entered = self._contest.champion
        self._state.learn(made, won, entered)
        for challenger in self._challengers.values():
            challenger.observe(features, won)
        self._fits.begin(self._state.labels, self.position, self._captures)
        self._note(Lesson(self.position, UUID(stream(made).partition("/")[2]), won, entered))
        if not standings:
            return []
        self._milestones += 1
        return [Promoted(self.definition.name, self._milestones, self.position, left, entered, standings)]

    def _note(self, note: Lesson) -> None:
        if self._notes is None:
            return
        self._notes.append(note)
        if self._state.labels >= self._next:
            dumped = self._state.dump()
            self._next = self._state.labels + max(EVERY, len(dumped) // WEIGHT)
            self._notes.append(Stand(self.position, dumped))

    def _adopt(self, fit: Fit) -> list[Facts]:
        scorer = fit.result.result()
        if scorer is None:
            return []
        self._state.committee.adopt(fit.challenger, fit.labels, scorer)
        if self._notes is not None:
            self._notes.append(Adopted(self.position, fit.challenger, fit.labels, scorer.dump()))
        self._milestones += 1
        return [
            Refitted(
                model=self.definition.name,
                number=self._milestones,
                challenger=fit.challenger,
                fitted=fit.position,
                position=self.position,
                labels=fit.labels,
                digest=scorer.digest(),
                build=self.build,
            )
        ]

    def _met(self, known: Known) -> Known:
        """Somebody as they are known by now; notes where the first was found of whom something is gone."""
        if known.erased:
            self.erased_at = self.erased_at or self.position
        return known

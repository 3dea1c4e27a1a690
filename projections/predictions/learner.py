"""The learner: a fold over a tenant's log that learns each outcome at a fixed horizon and says what it thinks.

What it thinks depends on the log alone, up to a position: refits begin after so many labels and are used after so many
captures, whatever the clock says; a fit that is not ready by then is waited for.
"""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Executor
from hashlib import sha256
from threading import Lock
from typing import TypeVar
from uuid import UUID

from msgspec import Struct, msgpack

from domain.kernel import Erased, Recorded, Refused, Sealed
from domain.predictions import Facts, Features, Made, Promoted, Refitted
from domain.privacy import PROFILING, ConsentGiven, ConsentWithdrawn
from domain.prospects import Captured, Lost, Rectified, SignalObserved, Won
from projections.predictions.committee import Committee
from projections.predictions.conformal import Conformal
from projections.predictions.contest import Contest
from projections.predictions.definition import Definition
from projections.predictions.engine import Engine
from projections.predictions.features import INDUSTRY, SIGNAL
from projections.predictions.fits import Fit, Fits

T = TypeVar("T")


class Known(Struct):
    """What is known of a prospect: until its outcome is learned, and while it is open."""

    numbers: dict[str, float]
    codes: set[str]
    erased: bool = False
    settled: bool = False
    """Its horizon has passed."""
    number: int = 0
    """Of the first prediction, counted also where there is none since the person was erased."""
    made: Made | None = None
    """The first prediction: what it was made from is what is learned, not what came later."""
    won: bool | None = None

    @property
    def features(self) -> Features:
        return Features(tuple(sorted(self.numbers.items())), tuple(sorted(self.codes)))


class Learner:
    """`step` folds one opened fact and answers what the model came to; `score` answers for a prospect at any time.

    `score` may be called from another thread than `step`.
    """

    def __init__(self, definition: Definition, engine: Engine, executor: Executor | None = None) -> None:
        self.definition = definition
        self.name = definition.name
        self._definition = sha256(msgpack.encode(definition)).digest()
        self.position = 0
        self.erased_at: int | None = None
        """The first position at which something to learn from was found erased."""
        members = set(definition.members)
        self._challengers = {name: each for name, each in engine.challengers().items() if name in members}
        self.build = engine.build()
        self._fits = Fits(definition, self._challengers, executor)
        self._committee = Committee(
            definition, {name: each for name, each in engine.online().items() if name in members}
        )
        self._contest = Contest(definition)
        self._conformal = Conformal(definition)
        self._known: dict[UUID, Known] = {}
        self._silent: set[UUID] = set()
        """Who has withdrawn their consent to be profiled. Nothing depends on their order."""
        self._horizon: deque[UUID] = deque()
        self._captures = self._labels = self._predictions = self._milestones = 0
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

    def score(self, prospect: UUID) -> Made:
        """What the model says of an open prospect now. Refuses one it does not know, or whose data are erased."""
        with self._lock:
            known = self._known.get(prospect)
            if known is None or known.erased or known.won is not None:
                raise Refused("predictions.prospect-not-open")
            if prospect in self._silent:
                raise Refused("predictions.consent-withdrawn")
            return self._made(prospect, known.features, 0)

    def digest(self) -> str:
        """SHA-256 of everything that the next prediction depends on."""
        state = (self._definition, self._committee.digest(), self._contest.champion, self._conformal.threshold)
        return sha256(msgpack.encode(state)).hexdigest()

    def _captured(self, prospect: UUID, fact: Captured) -> list[Facts]:
        self._captures += 1
        milestones = [each for fit in self._fits.due(self._captures) for each in self._adopt(fit)]
        codes = {INDUSTRY + fact.industry} if fact.industry else set()
        self._known[prospect] = Known(dict(self._opened(fact.attributes, ())), codes)
        self._known[prospect].erased = isinstance(fact.attributes, Erased)
        self._horizon.append(prospect)
        if len(self._horizon) > self.definition.horizon:
            milestones += self._settle(self._horizon.popleft())
        return milestones

    def _rectified(self, prospect: UUID, fact: Rectified) -> None:
        """What is predicted from now on sees what is right; what was predicted before is learned as it was seen."""
        known = self._known.get(prospect)
        if known is None:
            return
        signals = {name: value for name, value in known.numbers.items() if name.startswith(SIGNAL)}
        known.numbers = {**dict(self._opened(fact.attributes, ())), **signals}
        kept = {code for code in known.codes if not code.startswith(INDUSTRY)}
        known.codes = kept | ({INDUSTRY + fact.industry} if fact.industry else set())
        known.erased |= isinstance(fact.attributes, Erased)

    def _observed(self, prospect: UUID, fact: SignalObserved) -> list[Facts]:
        known = self._known.get(prospect)
        if known is None:
            return []
        known.numbers[SIGNAL + fact.kind] = fact.strength
        known.codes |= set(self._opened(fact.codes, ()))
        known.erased |= isinstance(fact.codes, Erased)
        if known.number:
            return []
        self._predictions += 1
        known.number = self._predictions
        if known.erased or prospect in self._silent:
            return []
        known.made = self._made(prospect, known.features, known.number)
        return [known.made]

    def _closed(self, prospect: UUID, won: bool) -> None:  # noqa: FBT001 - a label is a truth value
        if prospect not in self._known:
            return
        self._known[prospect].won = won
        if self._known[prospect].settled:
            del self._known[prospect]

    def _settle(self, prospect: UUID) -> list[Facts]:
        """At its horizon, learn a prospect's outcome, if there is one by then."""
        known = self._known[prospect]
        known.settled = True
        if known.won is None:
            return []
        del self._known[prospect]
        if known.made is None or known.erased or prospect in self._silent:
            return []
        return self._learn(known.made, known.won)

    def _learn(self, made: Made, won: bool) -> list[Facts]:  # noqa: FBT001 - a label is a truth value
        features, left = made.features, self._contest.champion
        assert isinstance(features, Features)  # noqa: S101 - it was made here, opened
        chance, outcome = (made.probability, "won") if won else (1 - made.probability, "lost")
        self._conformal.learn(1 - chance, missed=outcome not in made.likely)
        standings = self._contest.learn(dict(made.candidates), won)
        self._committee.learn(features, won)
        for challenger in self._challengers.values():
            challenger.observe(features, won)
        self._labels += 1
        self._fits.begin(self._labels, self.position, self._captures)
        if not standings:
            return []
        self._milestones += 1
        entered = self._contest.champion
        return [Promoted(self.definition.name, self._milestones, self.position, left, entered, standings)]

    def _adopt(self, fit: Fit) -> list[Facts]:
        scorer = fit.result.result()
        if scorer is None:
            return []
        self._committee.adopt(fit.challenger, fit.labels, scorer)
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

    def _made(self, prospect: UUID, features: Features, number: int) -> Made:
        champion, said = self._contest.champion, self._committee.probabilities(features)
        return Made(
            model=self.definition.name,
            number=number,
            prospect=prospect,
            position=self.position,
            learned=self._labels,
            champion=champion,
            refits=self._committee.refits,
            probability=said[champion],
            likely=self._conformal.sets(said[champion]),
            candidates=tuple(said.items()),
            digest=self.digest(),
            build=self.build,
            reasons=self._committee.reasons(champion, features),
            features=features,
        )

    def _opened(self, value: T | Sealed | Erased, instead: T) -> T:
        if isinstance(value, Sealed):
            message = "the learner folds opened facts"
            raise TypeError(message)
        if isinstance(value, Erased):
            self.erased_at = self.erased_at or self.position
            return instead
        return value

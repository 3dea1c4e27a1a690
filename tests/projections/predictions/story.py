"""A log told prospect by prospect to a learner whose members are plain arithmetic."""

from collections.abc import Mapping
from hashlib import sha256
from threading import Event
from uuid import UUID

from msgspec import msgpack

from domain.predictions import Features
from domain.prospects import Captured, SignalObserved
from projections.predictions.definition import Candidate, Definition, Refit
from projections.predictions.learner import Learner
from tests.grants import outcome, recorded

definition = Definition(
    "test",
    (Candidate("online", (("count", 1.0),)), Candidate("fitted", (("fitted", 1.0),))),
    "online",
    refits=(Refit("fitted", 4, 4, 0.0, adopt=2),),
    horizon=3,
    least=4,
    every=4,
)


class Count:
    """Says how many more of the labels were won."""

    def __init__(self):
        self.learned: list[tuple[Features, bool]] = []

    def score(self, features: Features) -> float:
        return 0.1 * sum(1 if won else -1 for _, won in self.learned)

    def explain(self, features: Features) -> Mapping[str, float]:
        return dict(features.numbers)

    def digest(self) -> str:
        return sha256(repr(self.learned).encode()).hexdigest()

    def learn(self, features: Features, won: bool) -> None:
        self.learned.append((features, won))

    def dump(self) -> bytes:
        return msgpack.encode(self.learned)

    def load(self, dumped: bytes) -> None:
        self.learned = msgpack.decode(dumped, type=list[tuple[Features, bool]])


class Sure:
    """Knows from the number `x` what will come."""

    def score(self, features: Features) -> float:
        return 5.0 * dict(features.numbers)["x"]

    def explain(self, features: Features) -> Mapping[str, float]:
        return {}

    def digest(self) -> str:
        return "sure"

    def dump(self) -> bytes:
        return b"sure"


class Fitting:
    def __init__(self, gate: Event | None = None):
        self.observed: list[bool] = []
        self.fits: list[int] = []
        self.gate = gate

    def observe(self, features: Features, won: bool) -> None:
        self.observed.append(won)

    def fit(self, labels: int) -> Sure | None:
        if self.gate:
            assert self.gate.wait(20)
        self.fits.append(labels)
        return Sure()

    def load(self, dumped: bytes) -> Sure:
        assert dumped == b"sure"
        return Sure()

    def dump(self) -> bytes:
        return bytes(self.observed)

    def restore(self, dumped: bytes) -> None:
        self.observed = [bool(each) for each in dumped]


class Arithmetic:
    def __init__(self, gate: Event | None = None):
        self.count, self.fitting = Count(), Fitting(gate)

    def online(self) -> Mapping[str, Count]:
        return {"count": self.count}

    def challengers(self) -> Mapping[str, Fitting]:
        return {"fitted": self.fitting}

    def build(self) -> str:
        return "build"


class Story:
    """A log told prospect by prospect."""

    def __init__(self, engine=None, executor=None):
        self.engine = engine or Arithmetic()
        self.learner = Learner(definition, self.engine, executor)
        self.position = 0
        self.facts = []
        self.told = []

    def tell(self, number, fact):
        self.position += 1
        self.told.append(recorded(self.position, number, fact))
        answers = self.learner.step(self.told[-1])
        self.facts += answers
        return answers

    def score(self, prospect):
        """Of the prospect with this identifier: one more than its number."""
        return self.learner.score(UUID(int=prospect), lambda: self.of(prospect))

    def of(self, prospect):
        return [each for each in self.told if each.id.int == prospect]

    def capture(self, number, x=1.0):
        return self.tell(number, Captured("Ada", "a@example.org", "", (("x", x),)))

    def signal(self, number):
        return self.tell(number, SignalObserved("codes", 1.0, ("a:1",)))

    def meet(self, number, won=None):
        """Captured, predicted, and if an outcome is given, won or lost."""
        answers = self.capture(number, 1.0 if won else -1.0) + self.signal(number)
        if won is not None:
            self.tell(number, outcome(won))
        return answers

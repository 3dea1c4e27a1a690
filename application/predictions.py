"""What a learner came to is recorded, each once; and any prediction can be made again from the log."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol
from uuid import UUID, uuid5

from msgspec import Struct, msgpack
from msgspec.structs import fields, replace

from domain.kernel import Actor, Erased, Meta, Recorded
from domain.predictions import MODELS, Facts, Made, Promoted, Refitted, stream
from domain.prospects import prospects

PERMISSION = "predictions.record"


class Learner(Protocol):
    """One model of one tenant, folded from its log; opened facts go in."""

    name: str
    build: str
    position: int
    erased_at: int | None

    def step(self, recorded: Recorded) -> list[Facts]: ...

    def score(self, prospect: UUID, own: Callable[[], Iterable[Recorded]]) -> Made:
        """Predict now; `own` answers with the prospect's own facts, opened. Raises `Refused`."""
        ...

    def digest(self) -> str:
        """SHA-256 of everything that the next prediction depends on."""
        ...

    def noted(self) -> list[Any]:
        """What is to be kept of what was folded since this was asked last; the first time is before anything is."""
        ...

    def stand(self, point: Any) -> None:
        """Be where a model stood at a position, by what was kept of it, knowing nobody."""
        ...

    def dump(self) -> bytes:
        """All of it, as another of the same build can load it."""
        ...

    def load(self, dumped: bytes) -> None:
        """Go on as if the same facts had been folded. Raises `msgspec.MsgspecError`."""
        ...


class Latest(Struct, frozen=True):
    """A model as a worker left it behind a fact of the log."""

    position: int
    event: UUID
    """Of that fact: in a log that has another in its place, this is no model of it."""
    dumped: bytes
    """By `Reaction.dump`, compressed."""


class Keeping(Protocol):
    """What one model keeps of its past, as it is folded."""

    def put(self, notes: Sequence[Any], position: int, erased_at: int | None) -> None:
        """Everything up to a position is told. What stands there is left; what was forgotten is not begun again."""
        ...

    def leave(self, latest: Latest) -> None:
        """Keep all of the model, instead of what was left before."""
        ...

    def left(self) -> Latest | None:
        """What was left last. Raises `tenants.keys.Misplaced` for what this product never wrote there."""
        ...


class Kept(Protocol):
    """What one tenant's models keep. Synchronous: for workers, and for threads beside the edge."""

    def begin(self, model: str, build: str) -> Keeping:
        """Go on with what a model of this build keeps in the log's present generation, or begin."""
        ...

    def near(self, model: str, build: str, position: int) -> Any | None:
        """Where a model stood; None where what is kept does not reach so far, or leans on who was erased since."""
        ...

    def forget(self) -> int:
        """Destroy everything that is kept; how many notes that were."""
        ...


class Emission(Struct, frozen=True):
    """To be appended to a stream that stands at version `expected`; at any other it was recorded before."""

    stream: str
    expected: int
    fact: Facts
    meta: Meta


class Reaction:
    """Folds a log and keeps what the learner came to and the log does not hold yet.

    After a restart the log is folded anew and tells by itself what is missing: a fact is taken off when it is met, and
    always comes later than what it was made from. So nothing is recorded twice, however often the log is folded.
    """

    def __init__(self, learner: Learner) -> None:
        self.learner = learner
        self._due: dict[tuple[str, int], Emission] = {}

    def step(self, recorded: Recorded) -> None:
        if isinstance(recorded.fact, Made | Refitted | Promoted):
            self._due.pop((recorded.stream, recorded.version), None)
        for fact in self.learner.step(recorded):
            emission = emit(fact, recorded)
            self._due[emission.stream, emission.expected + 1] = emission

    def due(self) -> list[Emission]:
        """What is to be recorded, in the order in which it came about. It stays due until the log holds it."""
        return list(self._due.values())

    def settled(self, emission: Emission) -> None:
        """The log holds it, or never can: nothing of it is remembered until it is met there."""
        self._due.pop((emission.stream, emission.expected + 1), None)

    def dump(self) -> bytes:
        """The learner, and what is due: another that loads it goes on as if it had folded the same facts."""
        return msgpack.encode((self.learner.dump(), self.due()))

    def load(self, dumped: bytes) -> None:
        """Raises `msgspec.MsgspecError` for what was dumped by another build."""
        learner, due = msgpack.decode(dumped, type=tuple[bytes, list[Emission]])
        self.learner.load(learner)
        self._due = {(each.stream, each.expected + 1): each for each in due}


def emit(fact: Facts, cause: Recorded | None = None) -> Emission:
    """A prediction or milestone as the model's own act, caused by a recorded fact; its ids follow from what it says."""
    where, expected = stream(fact), 0 if isinstance(fact, Made) else fact.number - 1
    meta = Meta(
        event=uuid5(MODELS, f"{where}@{expected + 1}"),
        actor=Actor("model", uuid5(MODELS, fact.model)),
        permission=PERMISSION,
        causation=cause.meta.event if cause else None,
        correlation=cause.meta.correlation if cause else None,
        trace=cause.meta.trace if cause else "",
    )
    return Emission(where, expected, fact, meta)


Verdict = Literal["equal", "superseded", "other-build", "differs"]


class Recomputed(Struct, frozen=True, omit_defaults=True):
    verdict: Verdict
    """Only `differs` is alarming: `superseded` means that somebody the model had learned from was erased since,
    `other-build` that another program, or another machine, made it: nothing is claimed of what differs then."""
    made: Made
    again: Made | None
    superseded_at: int | None = None
    """The first position whose content is gone."""
    differing: tuple[str, ...] = ()
    """The fields that did not come out bit for bit."""
    stood: int | None = None
    """The position of the kept state that the model was folded on from; none where the whole log was folded."""


def recompute(made: Made, log: Iterable[Recorded], learner: Learner) -> Recomputed:
    """Make a prediction again from the log (opened facts, from position 1) with a learner that has folded nothing."""
    own = list[Recorded]()
    again = _folded(made, log, learner, own)
    return _judged(made, again, learner, own, reached=learner.position)


def recompute_near(made: Made, facts: Iterable[Recorded], learner: Learner) -> Recomputed:
    """The same with a learner that stands where the prediction was made, from facts about the prospect alone."""
    own = list[Recorded]()
    again = _folded(made, facts, learner, own)
    learner.position = made.position
    return _judged(made, again, learner, own, reached=made.position)


def _folded(made: Made, facts: Iterable[Recorded], learner: Learner, own: list[Recorded]) -> Made | None:
    """What the learner came to by itself at the very position, if it did. `own` gets the prospect's facts."""
    again, stream = None, f"{prospects.name}/{made.prospect}"
    for recorded in facts:
        if recorded.position > made.position:
            break
        if recorded.stream == stream:
            own.append(recorded)
        for fact in learner.step(recorded):
            if isinstance(fact, Made) and fact.position == made.position and fact.prospect == made.prospect:
                again = fact
    return again


def _judged(made: Made, again: Made | None, learner: Learner, own: Sequence[Recorded], reached: int) -> Recomputed:
    gone = learner.erased_at
    if again is None and reached == made.position and gone is None:
        again = learner.score(made.prospect, lambda: own)
    if again is not None:
        again = replace(again, number=made.number)
    differing = _differing(made, again)
    if not differing:
        return Recomputed("equal", made, again)
    verdict: Verdict = "superseded" if gone else "other-build" if made.build != learner.build else "differs"
    return Recomputed(verdict, made, again, gone, differing)


def _differing(made: Made, again: Made | None) -> tuple[str, ...]:
    """Compared as bytes, so that 0.1 + 0.2 is not 0.3; what is erased by now cannot be compared."""
    if again is None:
        return ("prospect",)
    pairs = ((field.name, getattr(made, field.name), getattr(again, field.name)) for field in fields(Made))
    return tuple(
        name
        for name, then, now in pairs
        if not isinstance(then, Erased) and msgpack.encode(then) != msgpack.encode(now)
    )

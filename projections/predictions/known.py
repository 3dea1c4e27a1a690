"""What a model knows of a prospect, folded from the prospect's own facts."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar
from uuid import UUID

from msgspec import Struct, msgpack

from domain.kernel import Erased, Recorded, Sealed
from domain.predictions import Features, Made
from domain.prospects import Captured, Lost, Rectified, SignalObserved, Won
from projections.predictions.features import INDUSTRY, SIGNAL

T = TypeVar("T")


class Known(Struct):
    """Of a prospect, until its outcome is learned or its horizon is over."""

    numbers: dict[str, float]
    codes: set[str]
    erased: bool = False
    number: int = 0
    """Of the first prediction, counted also where there is none since the person was erased."""
    made: Made | None = None
    """The first prediction: what it was made from is what is learned, not what came later."""
    won: bool | None = None

    @property
    def features(self) -> Features:
        return Features(tuple(sorted(self.numbers.items())), tuple(sorted(self.codes)))

    def observe(self, fact: SignalObserved) -> None:
        self.numbers[SIGNAL + fact.kind] = fact.strength
        self.codes |= set(self.opened(fact.codes, ()))

    def rectify(self, fact: Rectified) -> None:
        signals = {name: value for name, value in self.numbers.items() if name.startswith(SIGNAL)}
        self.numbers = {**dict(self.opened(fact.attributes, ())), **signals}
        self.codes = {code for code in self.codes if not code.startswith(INDUSTRY)} | _industry(fact.industry)

    def opened(self, value: Iterable[T] | Sealed | Erased, instead: Iterable[T]) -> Iterable[T]:
        if isinstance(value, Sealed):
            message = "the learner folds opened facts"
            raise TypeError(message)
        if isinstance(value, Erased):
            self.erased = True
            return instead
        return value


class Quiet:
    """Who is past the horizon and was never predicted: they are many, and of most nothing is heard any more.

    Packed they take a fifth of the memory.
    """

    def __init__(self, packed: Mapping[UUID, bytes] = MappingProxyType({})) -> None:
        self._packed = {prospect.bytes: known for prospect, known in packed.items()}

    @property
    def packed(self) -> dict[UUID, bytes]:
        return {UUID(bytes=prospect): known for prospect, known in self._packed.items()}

    def put(self, prospect: UUID, known: Known) -> None:
        self._packed[prospect.bytes] = msgpack.encode((known.numbers, sorted(known.codes), known.erased))

    def take(self, prospect: UUID) -> Known | None:
        """None for whom it does not hold; it holds them no longer."""
        if (packed := self._packed.pop(prospect.bytes, None)) is None:
            return None
        numbers, codes, erased = _unpack(packed)
        return Known(numbers, codes, erased=erased)


_unpack = msgpack.Decoder(tuple[dict[str, float], set[str], bool]).decode


def captured(fact: Captured) -> Known:
    known = Known({}, _industry(fact.industry))
    known.numbers = dict(known.opened(fact.attributes, ()))
    return known


def gathered(own: Iterable[Recorded]) -> Known | None:
    """The same of all of a prospect's own facts, opened; None where it was never captured."""
    known: Known | None = None
    for recorded in own:
        match recorded.fact:
            case Captured() as fact:
                known = captured(fact)
            case SignalObserved() as fact if known:
                known.observe(fact)
            case Rectified() as fact if known:
                known.rectify(fact)
            case Won() | Lost() as fact if known:
                known.won = isinstance(fact, Won)
    return known


def _industry(industry: str) -> set[str]:
    return {INDUSTRY + industry} if industry else set()

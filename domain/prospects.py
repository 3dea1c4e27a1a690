"""A prospect: someone who may become a client, from first sight to won or lost."""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from domain.kernel import Decider, Fact, Personal, Refused

Attributes = tuple[tuple[str, float], ...]
"""Named numbers, sorted by name."""

CLOSED = frozenset({"won", "lost"})


class Captured(Fact, frozen=True, tag="prospects.captured"):
    name: Personal[str]
    email: Annotated[Personal[str], Meta(extra={"unique": "prospects.email"})]
    industry: str = ""
    attributes: Personal[Attributes] = ()


class SignalObserved(Fact, frozen=True, tag="prospects.signal-observed"):
    kind: str
    strength: float
    codes: Personal[tuple[str, ...]] = ()


class StageMoved(Fact, frozen=True, tag="prospects.stage-moved"):
    left: str
    entered: str


class Won(Fact, frozen=True, tag="prospects.won"):
    left: str
    value: int
    currency: str
    """`value` is in the currency's minor units (ISO 4217)."""


class Lost(Fact, frozen=True, tag="prospects.lost"):
    left: str
    reason: Personal[str]


class Noted(Fact, frozen=True, tag="prospects.noted"):
    text: Personal[str]


class Rectified(Fact, frozen=True, tag="prospects.rectified"):
    """What was captured, as it should have been: all of it, also what did not change."""

    name: Personal[str]
    email: Annotated[Personal[str], Meta(extra={"unique": "prospects.email"})]
    industry: str
    attributes: Personal[Attributes]
    reason: Personal[str] = ""


Facts = Captured | Rectified | SignalObserved | StageMoved | Won | Lost | Noted


class Prospect(Struct, frozen=True):
    captured: Captured | None = None
    stage: str = "new"
    closed: Won | Lost | None = None


def evolve(prospect: Prospect, fact: Facts) -> Prospect:
    match fact:
        case Captured():
            return replace(prospect, captured=fact)
        case Rectified():
            return replace(prospect, captured=Captured(fact.name, fact.email, fact.industry, fact.attributes))
        case SignalObserved() | Noted():
            return prospect
        case StageMoved():
            return replace(prospect, stage=fact.entered)
        case Won():
            return replace(prospect, stage="won", closed=fact)
        case Lost():
            return replace(prospect, stage="lost", closed=fact)


def capture(
    prospect: Prospect, name: str, email: str, industry: str, attributes: Mapping[str, float] | None = None
) -> list[Fact]:
    captured = Captured(name, email, industry, _attributes(attributes or {}))
    if prospect.captured not in (None, captured):
        raise Refused("prospects.exists")
    return [] if prospect.captured else [captured]


def rectify(
    prospect: Prospect,
    *,
    name: str | None = None,
    email: str | None = None,
    industry: str | None = None,
    attributes: Mapping[str, float] | None = None,
    reason: str = "",
) -> list[Fact]:
    """Correct what is named; the rest stays. Also after the end: what is kept of somebody has to be right."""
    if prospect.captured is None:
        raise Refused("prospects.unknown")
    given = {"name": name, "email": email, "industry": industry}
    known = replace(prospect.captured, **{field: value for field, value in given.items() if value is not None})
    if attributes is not None:
        known = replace(known, attributes=_attributes(attributes))
    if known == prospect.captured:
        return []
    return [Rectified(known.name, known.email, known.industry, known.attributes, reason)]


def _attributes(given: Mapping[str, float]) -> Attributes:
    if not all(map(isfinite, given.values())):
        raise Refused("prospects.attribute-not-finite")
    return tuple(sorted(given.items()))


def observe(prospect: Prospect, kind: str, strength: float, codes: Iterable[str] = ()) -> list[Fact]:
    _must_be_open(prospect)
    if not 0 <= strength <= 1:
        raise Refused("prospects.strength-out-of-range", strength=strength)
    return [SignalObserved(kind, strength, tuple(codes))]


def move(prospect: Prospect, stage: str) -> list[Fact]:
    _must_be_open(prospect)
    if stage in CLOSED:
        raise Refused("prospects.stage-closes", stage=stage)
    return [] if prospect.stage == stage else [StageMoved(prospect.stage, stage)]


def win(prospect: Prospect, value: int, currency: str) -> list[Fact]:
    if isinstance(prospect.closed, Won) and (prospect.closed.value, prospect.closed.currency) == (value, currency):
        return []
    _must_be_open(prospect)
    return [Won(prospect.stage, value, currency)]


def lose(prospect: Prospect, reason: str) -> list[Fact]:
    if isinstance(prospect.closed, Lost) and prospect.closed.reason == reason:
        return []
    _must_be_open(prospect)
    return [Lost(prospect.stage, reason)]


def note(prospect: Prospect, text: str) -> list[Fact]:
    if prospect.captured is None:
        raise Refused("prospects.unknown")
    return [Noted(text)]


def _must_be_open(prospect: Prospect) -> None:
    if prospect.captured is None:
        raise Refused("prospects.unknown")
    if prospect.closed:
        raise Refused("prospects.closed")


prospects = Decider("prospects", Facts, Prospect(), evolve)

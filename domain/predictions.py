"""Predictions: what a model said of a prospect, from which state of the log, and why."""

from typing import Annotated
from uuid import UUID, uuid5

from msgspec import Meta, Struct
from msgspec.structs import replace

from domain.kernel import Decider, Fact, Personal, Refused

MODELS = UUID("b54d3b5c-6d0e-5e0c-9d5a-5b1f0e8a2c11")
"""The namespace of the identifiers of models and of their predictions."""

OUTCOMES = ("won", "lost")


class Features(Struct, frozen=True, tag="features"):
    """What a model sees of a prospect: named numbers, sorted by name, and codes such as `sponsor:24D`."""

    numbers: tuple[tuple[str, float], ...] = ()
    codes: tuple[str, ...] = ()


class Reason(Struct, frozen=True, array_like=True):
    """How far one feature moved the log-odds of winning: above 0 towards won, below 0 towards lost."""

    feature: str
    value: float
    contribution: float


class Standing(Struct, frozen=True, array_like=True):
    """How a candidate did over the labels it was compared on."""

    candidate: str
    loss: float
    """Mean log loss in nats."""
    labels: int


AboutProspect = Meta(extra={"subject": "prospect"})


class Made(Fact, frozen=True, tag="predictions.made"):
    """One prediction, with all that is needed to make it again from the log."""

    model: str
    number: int
    """Counts the predictions that the model made on its own; 0 for one that somebody asked for."""
    prospect: UUID
    position: int
    """The state of the log it was made from: everything up to and including this position."""
    learned: int
    """How many labels the model had learned."""
    champion: str
    refits: tuple[tuple[str, int], ...]
    """For each challenger in use, how many labels it was fitted to."""
    probability: float
    """Of winning."""
    likely: tuple[str, ...]
    """The outcomes that hold the true one with the confidence the model is defined for (conformal prediction)."""
    candidates: tuple[tuple[str, float], ...]
    """What each candidate, the champion among them, made of it."""
    digest: str
    """SHA-256 of the state it was made from."""
    build: str
    """Identifies the program, its libraries and the processor's architecture."""
    reasons: Annotated[Personal[tuple[Reason, ...]], AboutProspect] = ()
    features: Annotated[Personal[Features], AboutProspect] = Features()


class Refitted(Fact, frozen=True, tag="predictions.refitted"):
    """A challenger was fitted anew to all labels known at a position, and is in use from a later position on."""

    model: str
    number: int
    """Counts the model's milestones: refits and promotions."""
    challenger: str
    fitted: int
    """The position whose labels it was fitted to."""
    position: int
    """In use from here on."""
    labels: int
    digest: str
    build: str


class Promoted(Fact, frozen=True, tag="predictions.promoted"):
    """Another candidate proved better on the labels that came in, and now makes the predictions."""

    model: str
    number: int
    position: int
    left: str
    entered: str
    standings: tuple[Standing, ...]


Facts = Made | Refitted | Promoted


class State(Struct, frozen=True):
    """Of a prediction's stream: the prediction. Of a model's stream: how many milestones it has."""

    made: Made | None = None
    milestones: int = 0


def evolve(state: State, fact: Facts) -> State:
    match fact:
        case Made():
            return replace(state, made=fact)
        case Refitted() | Promoted():
            return replace(state, milestones=fact.number)


def record(state: State, fact: Facts) -> list[Fact]:
    """Record what a model came to, once."""
    match fact:
        case Made():
            return [] if state.made else [fact]
        case Refitted() | Promoted():
            if fact.number > state.milestones + 1:
                raise Refused("predictions.milestone-missing", expected=state.milestones + 1)
            return [fact] if fact.number == state.milestones + 1 else []


def stream(fact: Facts) -> str:
    """Where a fact belongs: a prediction has a stream of its own, by model, prospect and position; a model has one."""
    name = f"{fact.model}:{fact.prospect}:{fact.position}" if isinstance(fact, Made) else fact.model
    return f"predictions/{uuid5(MODELS, name)}"


predictions = Decider("predictions", Facts, State(), evolve)

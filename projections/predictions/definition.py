"""What a model is, as data: the same definition and the same log give the same predictions, bit for bit."""

from msgspec import Struct


class Candidate(Struct, frozen=True):
    """A weighted mean of members' log-odds. A reference is scored like the others and never predicts."""

    name: str
    members: tuple[tuple[str, float], ...]
    reference: bool = False


class Refit(Struct, frozen=True):
    """When a challenger is fitted anew, in labels and captures alone, so that the log decides and no clock."""

    challenger: str
    first: int
    """Labels known at the first fit."""
    step: int
    growth: float
    """The next fit comes after `step` more labels, or `growth` times those known if that is more."""
    adopt: int = 50
    """Captures between the start of a fit and its use: the time that it has to run beside the scoring."""

    def next(self, labels: int) -> int:
        return labels + max(self.step, int(labels * self.growth))


class Definition(Struct, frozen=True):
    name: str
    candidates: tuple[Candidate, ...]
    champion: str
    """Who predicts until another proves better."""
    refits: tuple[Refit, ...] = ()
    horizon: int = 100
    """A prospect's outcome is learned this many captures after its own; unknown by then, it is not learned."""
    alpha: float = 0.1
    """Conformal sets hold the true outcome with probability 1 - alpha."""
    pace: float = 0.005
    """How fast the sets' confidence follows what is missed (adaptive conformal inference)."""
    calibration: int = 1000
    """How many of the last labels the sets are drawn from."""
    window: int = 1500
    """Candidates are compared on this many of the last labels."""
    least: int = 100
    """The labels that a candidate must have been compared on to take over."""
    every: int = 50
    """Labels between comparisons."""
    margin: float = 0.01
    """Nats of mean log loss by which a candidate must be better than the champion."""
    reasons: int = 5

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for candidate in self.candidates for name, _ in candidate.members))


conversion = Definition(
    name="prospects.conversion",
    candidates=(
        Candidate("online", (("online", 1.0),)),
        Candidate("boosting", (("boosting", 1.0),)),
        Candidate("linear", (("linear", 1.0),)),
        Candidate("pair", (("online", 0.5), ("boosting", 0.5))),
        Candidate("trio", (("online", 0.25), ("boosting", 0.5), ("linear", 0.25))),
        Candidate("plain", (("plain", 1.0),), reference=True),
        Candidate("last-label", (("last-label", 1.0),), reference=True),
    ),
    champion="online",
    refits=(Refit("boosting", 100, 100, 0.08), Refit("linear", 50, 50, 0.05)),
)
"""Will a prospect be won? Predicted at its first signal."""

models = {conversion.name: conversion}

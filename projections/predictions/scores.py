"""How good predictions were, each made before its outcome was known (prequential)."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import log
from typing import NamedTuple

from msgspec import Struct

from projections.predictions.book import BINS, Predicted

PARTS = 10
EVEN = 0.5


class Said(NamedTuple):
    """So many predictions of one probability, and what came of them."""

    probability: float
    won: bool
    covered: bool
    size: int
    """Of the conformal set."""
    times: int = 1


class Part(Struct, frozen=True):
    """One part of the calibration: of the predictions between two probabilities, how many were won."""

    above: float
    count: int
    said: float
    """The mean probability."""
    won: float
    """The share won."""


class Scores(Struct, frozen=True):
    count: int
    accuracy: float
    auc: float
    """The chance that a prospect won was given more than one lost; ties count half."""
    log_loss: float
    majority: float
    """The share of the commoner outcome: what saying it always would score."""
    coverage: float
    mean_set_size: float
    calibration: tuple[Part, ...]


def score(said: Iterable[Said]) -> Scores | None:
    """The scores of predictions with known outcomes; None if there are none."""
    ranked = sorted(said)
    count = sum(each.times for each in ranked)
    if not count:
        return None
    won = sum(each.times for each in ranked if each.won)
    return Scores(
        count=count,
        accuracy=sum(each.times for each in ranked if (each.probability >= EVEN) == each.won) / count,
        auc=_auc(ranked, won, count - won),
        log_loss=sum(-log(each.probability if each.won else 1 - each.probability) * each.times for each in ranked)
        / count,
        majority=max(won, count - won) / count,
        coverage=sum(each.times for each in ranked if each.covered) / count,
        mean_set_size=sum(each.size * each.times for each in ranked) / count,
        calibration=_calibration(ranked),
    )


def issued(rows: Iterable[Predicted], after: int = 0) -> Scores | None:
    """Exact, over the predictions that the model made on its own, those numbered up to `after` left out."""
    return score(
        Said(row.probability, row.outcome == "won", row.outcome in row.likely, len(row.likely))
        for row in rows
        if row.outcome and row.number > after
    )


def candidates(rows: Sequence[Predicted], after: int = 0) -> dict[str, Scores | None]:
    """The same for each candidate and reference, whether or not it was champion. Coverage is that of the issued set."""
    names = dict.fromkeys(name for row in rows for name, _ in row.candidates)
    return {
        wanted: score(
            Said(probability, row.outcome == "won", row.outcome in row.likely, len(row.likely))
            for row in rows
            if row.outcome and row.number > after
            for name, probability in row.candidates
            if name == wanted
        )
        for wanted in names
    }


def binned(counts: Iterable[tuple[int, str, int, bool, int]]) -> Scores | None:
    """From the aggregate `scores`: (bin, outcome, set size, covered, count).

    A prediction counts with the middle of its bin. Accuracy, majority, coverage and set size are exact. The AUC is off
    by at most half the chance that a won and a lost prospect share a bin, the log loss by what 1/2000 makes.
    """
    return score(
        Said((place + EVEN) / BINS, outcome == "won", covered, size, count)
        for place, outcome, size, covered, count in counts
        if outcome and count
    )


def _auc(ranked: Sequence[Said], won: int, lost: int) -> float:
    if not won or not lost:
        return 0.5
    below, pairs = 0, 0.0
    for _, group in groupby(ranked, key=lambda each: each.probability):
        ties = list(group)
        here = sum(each.times for each in ties if not each.won)
        pairs += sum(each.times for each in ties if each.won) * (below + here / 2)
        below += here
    return pairs / (won * lost)


def _calibration(ranked: Sequence[Said]) -> tuple[Part, ...]:
    parts = []
    for part, group in groupby(ranked, key=lambda each: min(int(each.probability * PARTS), PARTS - 1)):
        inside = list(group)
        count = sum(each.times for each in inside)
        said = sum(each.probability * each.times for each in inside) / count
        parts.append(Part(part / PARTS, count, said, sum(each.times for each in inside if each.won) / count))
    return tuple(parts)

import random
from math import log

import pytest

from projections.predictions.book import BINS
from projections.predictions.scores import Said, binned, score


def said(seed, count=3000):
    dice = random.Random(seed)
    truths = [dice.random() for _ in range(count)]
    return [Said(truth, dice.random() < truth, dice.random() < 0.9, dice.choice([1, 2])) for truth in truths]


def scored(rows):
    scores = score(rows)
    assert scores is not None
    return scores


def test_the_auc_is_the_share_of_pairs_in_the_right_order():
    rows = [Said(round(each.probability, 2), *each[1:]) for each in said(1, 300)]
    won, lost = [each for each in rows if each.won], [each for each in rows if not each.won]
    pairs = [(a.probability > b.probability) + (a.probability == b.probability) / 2 for a in won for b in lost]
    assert scored(rows).auc == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)


def test_scores_by_hand():
    scores = scored(
        [Said(0.8, True, True, 1), Said(0.6, False, True, 2), Said(0.3, False, False, 1), Said(0.3, True, True, 2)]
    )
    assert (scores.count, scores.accuracy, scores.majority, scores.coverage, scores.mean_set_size) == (
        4,
        0.5,
        0.5,
        0.75,
        1.5,
    )
    assert scores.auc == (1 + 1 + 0 + 0.5) / 4
    assert scores.log_loss == pytest.approx(-(log(0.8) + log(0.4) + log(0.7) + log(0.3)) / 4)
    assert [(part.above, part.count, part.won) for part in scores.calibration] == [
        (0.3, 2, 0.5),
        (0.6, 1, 0),
        (0.8, 1, 1),
    ]


def test_one_outcome_only_says_nothing_of_order():
    assert scored([Said(0.7, True, True, 1)]).auc == 0.5
    assert score([]) is None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_counts_by_bin_give_the_same_scores_within_the_stated_error(seed):
    rows = said(seed)
    exact = scored(rows)
    near = binned(
        (int(each.probability * BINS), "won" if each.won else "lost", each.size, each.covered, 1) for each in rows
    )
    assert near is not None
    assert (near.accuracy, near.majority, near.coverage) == (exact.accuracy, exact.majority, exact.coverage)
    assert near.mean_set_size == pytest.approx(exact.mean_set_size, abs=1e-12)
    won = [int(each.probability * BINS) for each in rows if each.won]
    lost = [int(each.probability * BINS) for each in rows if not each.won]
    together = sum(won.count(place) * lost.count(place) for place in range(BINS)) / (len(won) * len(lost))
    assert abs(near.auc - exact.auc) <= together / 2
    assert near.log_loss == pytest.approx(exact.log_loss, abs=0.01)

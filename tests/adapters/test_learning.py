"""The real engine on the demo's data: good, bit-equal wherever it runs, and never in the way."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from msgspec import msgpack

from adapters.learning import Libraries
from domain.predictions import Made, Promoted, Refitted
from projections.predictions.definition import conversion
from projections.predictions.learner import Learner
from projections.predictions.scores import Said, score
from tests.grants import applications, log

SHORT = 500


def digest(rows, executor=None):
    facts = Learner(conversion, Libraries(), executor).fold(log(rows))
    return sha256(msgpack.encode(facts)).hexdigest()


def scores(rows, facts, after, candidate=None):
    made = [fact for fact in facts if isinstance(fact, Made)]
    found = score(
        Said(
            dict(fact.candidates)[candidate or fact.champion],
            row.won,
            ("won" if row.won else "lost") in fact.likely,
            len(fact.likely),
        )
        for fact, row in list(zip(made, rows, strict=True))[after:]
    )
    assert found is not None
    return found


def test_the_first_two_thousand_are_predicted_well():
    rows = applications(2000)
    facts = Learner(conversion, Libraries()).fold(log(rows))
    found = scores(rows, facts, 200)
    assert found.accuracy >= 0.82
    assert found.majority < 0.62
    assert found.auc >= 0.9
    assert 0.88 <= found.coverage <= 0.92
    assert scores(rows, facts, 200, "last-label").accuracy < 0.6
    assert scores(rows, facts, 200, "plain").accuracy < found.accuracy
    assert any(isinstance(fact, Promoted) for fact in facts)
    assert sum(isinstance(fact, Refitted) for fact in facts) > 20
    assert all(fact.reasons for fact in facts[200:] if isinstance(fact, Made))


@pytest.mark.long
def test_the_whole_is_predicted_as_promised():
    rows = applications(10_000)
    facts = Learner(conversion, Libraries()).fold(log(rows))
    found, second = scores(rows, facts, len(rows) // 10), scores(rows, facts, len(rows) // 2)
    assert found.accuracy >= 0.83
    assert found.auc >= 0.905
    assert second.accuracy >= 0.855
    assert 0.88 <= found.coverage <= 0.92
    assert scores(rows, facts, len(rows) // 10, "last-label").accuracy < 0.6


def test_the_same_log_gives_the_same_bits_in_another_process_under_any_hash_seed():
    program = f"from tests.adapters.test_learning import *; print(digest(applications({SHORT})))"
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed, threads in (("0", "1"), ("1", "2"), ("random", "3"))
    }
    assert answers == {digest(applications(SHORT))}


def test_another_log_gives_other_bits():
    rows = applications(SHORT)
    assert digest([*rows[1:], rows[0]]) != digest(rows)


def test_fits_beside_the_fold_give_the_same_bits():
    rows = applications(SHORT)
    with ThreadPoolExecutor(2) as executor:
        assert digest(rows, executor) == digest(rows)


def test_two_tenants_learn_apart():
    rows = applications(SHORT)
    one, other = Learner(conversion, Libraries()), Learner(conversion, Libraries())
    pairs = [(one.step(mine), other.step(theirs)) for mine, theirs in zip(log(rows), log(rows[::-1]), strict=True)]
    mine, theirs = ([fact for pair in pairs for fact in pair[side]] for side in (0, 1))
    assert sha256(msgpack.encode(mine)).hexdigest() == digest(rows)
    assert sha256(msgpack.encode(theirs)).hexdigest() == digest(rows[::-1])


def test_what_the_api_imports_of_predictions_brings_no_learning_library():
    program = (
        "import sys, application.predictions, projections.predictions.card, projections.predictions.learner\n"
        "print(sorted({'river', 'sklearn', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"

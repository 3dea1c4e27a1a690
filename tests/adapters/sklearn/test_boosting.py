import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from adapters.sklearn import boosting
from adapters.sklearn.boosting import Boosting
from adapters.sklearn.trees import Trees
from domain.predictions import Features
from tests.grants import applications


def features(row):
    return Features(tuple(sorted(row.attributes.items())), tuple(sorted(row.codes)))


@pytest.fixture(scope="module")
def rows():
    return applications(1200)


@pytest.fixture(scope="module")
def challenger(rows):
    challenger = Boosting()
    for row in rows[:1000]:
        challenger.observe(features(row), row.won)
    return challenger


def test_the_flat_trees_say_what_scikit_learn_says(challenger, rows, monkeypatch):
    kept = []

    class Kept(HistGradientBoostingClassifier):
        def fit(self, X, y):
            kept.append((super().fit(X, y), X))
            return self

    monkeypatch.setattr(boosting, "HistGradientBoostingClassifier", Kept)
    fitted = challenger.fit(1000)
    ((theirs, matrix),) = kept
    inputs = np.array([fitted._columns.row(features(row)) for row in rows])
    assert np.array_equal(inputs[:1000], matrix, equal_nan=True)
    assert np.isnan(inputs[1000:]).any(), "some code is new, so that missing values are walked too"
    ours = [fitted.score(features(row)) for row in rows]
    assert ours == pytest.approx(theirs.decision_function(inputs).tolist(), abs=1e-9)


def test_contributions_add_up_to_the_score_but_for_what_all_share(challenger, rows):
    fitted = challenger.fit(1000)
    rests = [fitted.score(features(row)) - sum(fitted.explain(features(row)).values()) for row in rows]
    assert rests == pytest.approx([rests[0]] * len(rests))


def test_contributions_are_named_as_people_name_them(challenger, rows):
    named = challenger.fit(1000).explain(features(rows[3]))
    assert set(rows[3].codes) & set(named)
    assert {"success_ci", "unsuccess_ci"} & set(named)


def test_a_fit_sees_the_labels_it_was_asked_for_and_no_more(challenger, rows):
    alone = Boosting()
    for row in rows[:500]:
        alone.observe(features(row), row.won)
    one, same, other = alone.fit(500), challenger.fit(500), challenger.fit(501)
    assert one
    assert same
    assert other
    assert one.digest() == same.digest() != other.digest()


def test_one_outcome_only_teaches_nothing(rows):
    challenger = Boosting()
    for row in [row for row in rows if row.won][:50]:
        challenger.observe(features(row), row.won)
    assert challenger.fit(50) is None


def test_trees_without_categories_or_splits_are_walked_too():
    numbers = np.arange(100.0).reshape(-1, 1)
    for leaf in (5, 1000):
        model = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=leaf).fit(numbers, numbers[:, 0] > 40)
        trees = Trees.fitted(model)
        assert trees.score(numbers[70]) == pytest.approx(model.decision_function(numbers[70:71])[0])

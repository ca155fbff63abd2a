import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from audits.domain.explain.lime_tabular import TabularSettings, explain_rows

SETTINGS = TabularSettings(samples=200, seeds=3, top=2)


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6))
    y = (x[:, 0] + 0.7 * x[:, 1] - x[:, 3] > 0).astype(int)
    model = LogisticRegression().fit(x, y)
    blind = LogisticRegression().fit(x, rng.permutation(y))
    return x, lambda r: model.predict_proba(r)[:, 1], lambda r: blind.predict_proba(r)[:, 1]


def explain(predict, x, rows=slice(1, 5)):
    return explain_rows(predict, x, x[rows], settings=SETTINGS, seed=1)


def test_the_features_the_model_uses_carry_the_weight(fitted):
    x, predict, _ = fitted
    weights = explain(predict, x)[1]
    assert set(np.argsort(weights)[-3:]) == {0, 1, 3}
    assert weights.sum() == pytest.approx(1.0)
    assert weights[[0, 1, 3]].sum() > 0.9


def test_a_model_trained_on_permuted_labels_scores_far_below(fitted):
    x, predict, blind = fitted
    assert np.mean([row.rcf for row in explain(predict, x)[0]]) > 70
    assert np.mean([row.rcf for row in explain(blind, x)[0]]) < 20


def test_the_same_seed_gives_the_same_scores(fitted):
    x, predict, _ = fitted
    one, two = explain(predict, x), explain(predict, x)
    assert one[0] == two[0] and np.array_equal(one[1], two[1])


def test_no_rows_give_no_scores(fitted):
    x, predict, _ = fitted
    scores, weights = explain(predict, x, rows=slice(0, 0))
    assert scores == () and not weights.any()


def test_each_record_is_told(fitted):
    x, predict, _ = fitted
    told: list[int] = []
    explain_rows(predict, x, x[:2], settings=SETTINGS, seed=1, tell=told.append)
    assert told == [0, 1]


def test_shapes_that_do_not_match_and_answers_that_are_not_finite_are_refused(fitted):
    x, predict, _ = fitted
    with pytest.raises(ValueError, match="background"):
        explain_rows(predict, x, x[:2, :1], seed=1)
    with pytest.raises(ValueError, match="NaN"):
        explain_rows(lambda rows: np.full(len(rows), np.nan), x, x[:2], settings=SETTINGS, seed=1)
    with pytest.raises(ValueError, match="seeds"):
        TabularSettings(seeds=1)

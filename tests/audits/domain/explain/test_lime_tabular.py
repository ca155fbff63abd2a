import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from audits.domain.explain import lime_tabular
from audits.domain.explain.lime_tabular import TabularSettings
from audits.domain.explain.score import combine

SETTINGS = TabularSettings(samples=200, seeds=3, top=2)


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6))
    y = (x[:, 0] + 0.7 * x[:, 1] - x[:, 3] > 0).astype(int)
    model = LogisticRegression().fit(x, y)
    blind = LogisticRegression().fit(x, rng.permutation(y))
    return x, lambda r: model.predict_proba(r)[:, 1], lambda r: blind.predict_proba(r)[:, 1]


def explain(fitted, rows=slice(1, 5), **options):
    x, predict, control = fitted
    return lime_tabular.site_explanation(
        predict,
        x,
        x[rows],
        site="a",
        feature_names=list("abcdef"),
        control=control,
        settings=SETTINGS,
        seed=1,
        **options,
    )


def test_the_features_the_model_uses_carry_the_weight(fitted):
    sent = explain(fitted)
    assert set(sorted(sent.weights, key=sent.weights.get)[-3:]) == {"a", "b", "d"}
    assert sum(sent.weights.values()) == pytest.approx(1.0)
    assert sum(sent.weights[k] for k in "abd") > 0.9


def test_a_model_trained_on_permuted_labels_scores_far_below(fitted):
    result = combine([explain(fitted)])
    assert result.rcf.mean > 70
    assert result.control.mean < 20


def test_no_row_and_no_single_records_weight_leaves_the_site(fitted):
    sent = explain(fitted).as_dict()
    assert set(sent) == {"site", "kind", "scores", "control", "weights", "settings"}
    assert set(sent["scores"][0]) == {"fit", "stability", "faithfulness", "rcf", "lesion_mass"}


def test_the_same_seed_gives_the_same_scores(fitted):
    assert explain(fitted) == explain(fitted)


def test_no_rows_give_no_scores(fitted):
    sent = explain(fitted, rows=slice(0, 0))
    assert (sent.scores, sent.weights) == ((), {})


def test_shapes_that_do_not_match_are_refused(fitted):
    x, predict, _ = fitted
    with pytest.raises(ValueError, match="feature names"):
        lime_tabular.site_explanation(predict, x, x[:2], site="a", feature_names=["a"], seed=1)
    with pytest.raises(ValueError, match="seeds"):
        TabularSettings(seeds=1)

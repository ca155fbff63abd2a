"""Every check of a site that looks at both models, where the one beside is a logistic regression without a core."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import roc_auc_score

from audits.domain.verdict import Verdict
from audits.predeployment.checks.registry import check_of
from tests.factories.checks import run_check
from tests.factories.stress import beside_logistic, rows_of, tabular_benches

MEASURED = (
    *("bias_score", "bias_score_baseline", "performance", "boundaries", "corruption", "adversarial", "shot_attack"),
    *("lime", "circuit", "leakage", "attribute_inference", "model_inversion", "reconstruction", "membership"),
)


def test_both_models_know_the_rule():
    data = rows_of("elsewhere", 200)
    for model in beside_logistic().values():
        with torch.inference_mode():
            assert roc_auc_score(data.y, model(torch.from_numpy(data.x)).numpy()) > 0.9


@pytest.mark.parametrize("name", MEASURED)
def test_a_check_measures_the_model_beside_a_logistic_regression(name):
    benches = tabular_benches(60, models=beside_logistic())
    config = next(iter(benches.values())).config.as_dict()
    settings = {"steps": 10} if name == "reconstruction" else None
    found = run_check(check_of(name), benches, settings=settings, config=config, reference_groups={"sex": "male"})
    assert found.verdict is not Verdict.NOT_APPLICABLE
    assert not [sentence for sentence in found.sentences if "failed" in sentence or "refused" in sentence.lower()]
    assert not found.evidence.get("not_measured"), found.evidence["not_measured"]

"""Every check of a site on a classifier of images: images are corrupted, attacked and explained as images."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from audits.domain.verdict import Verdict
from audits.predeployment.checks.at_site import AtSite
from audits.predeployment.checks.registry import check_of
from audits.predeployment.checks.running import measure_at, read_answer, settings_of
from tests.factories.checks import SEED, run_check
from tests.factories.stress import classified_image_benches, classifiers_on_unets

# What a check needs less of here than on real patients.
SETTINGS = {
    "lime": {"image_records": 2, "control_records": 2, "control_steps": 8, "image_seeds": 2, "image_samples": 60},
    "adversarial": {"images": 12, "steps": 2},
    "reconstruction": {"images": 1, "image_steps": 3},
    "model_inversion": {"image_starts": 2, "image_steps": 3},
    "membership": {"image_rounds": 2},
    "circuit": {"images": 12},
}
MEASURED = (
    *("bias_score", "calibration", "performance", "boundaries", "corruption", "adversarial", "lime", "glass_box"),
    *("circuit", "leakage", "attribute_inference", "model_inversion", "reconstruction", "membership", "quantum_mmd"),
)


@pytest.fixture(scope="module")
def benches():
    return classified_image_benches()


@pytest.fixture(scope="module")
def config(benches):
    return next(iter(benches.values())).config.as_dict()


def measured(name, benches, config):
    check = check_of(name)
    wanted = {key: value for key, value in SETTINGS.get(name, {}).items() if key in settings_of(check, None)}
    return run_check(check, benches, settings=wanted, config=config, reference_groups={"sex": "male"})


def test_both_models_know_more_than_chance_of_patients_they_never_saw(benches):
    for name in ("primary", "baseline"):
        outcomes = [bench.outcomes(name) for bench in benches.values()]
        truth, score = (np.concatenate([getattr(o, what) for o in outcomes]) for what in ("truth", "score"))
        assert roc_auc_score(truth, score) > 0.75


@pytest.mark.parametrize("name", MEASURED)
def test_a_check_of_a_site_measures_a_classifier_of_images(benches, config, name):
    found = measured(name, benches, config)
    assert found.verdict is not Verdict.NOT_APPLICABLE
    assert not [sentence for sentence in found.sentences if "failed" in sentence or "refused" in sentence.lower()]
    assert not found.evidence.get("not_measured"), found.evidence["not_measured"]


@pytest.mark.parametrize("name", ["bias_score", "adversarial", "circuit", "leakage", "reconstruction", "membership"])
def test_a_check_of_a_site_measures_a_classifier_on_anothers_encoder(name):
    benches = classified_image_benches(60, models=classifiers_on_unets())
    found = measured(name, benches, next(iter(benches.values())).config.as_dict())
    assert found.verdict is not Verdict.NOT_APPLICABLE
    assert not [sentence for sentence in found.sentences if "failed" in sentence or "refused" in sentence.lower()]
    assert not found.evidence.get("not_measured"), found.evidence["not_measured"]


def test_images_are_corrupted_as_images(benches, config):
    found = measured("corruption", benches, config)
    (overall, *_) = found.tables
    kinds = json.dumps([row[0] for row in overall.rows])
    assert "motion of the patient" in kinds and "missing values" not in kinds


def test_an_explanation_points_into_the_image_and_says_that_no_lesion_was_outlined(benches):
    check = check_of("lime")
    fixed = settings_of(check, SETTINGS["lime"])
    site, bench = next(iter(benches.items()))
    at = AtSite("lime", site, bench, fixed, SEED, 0, 1, {}, lambda *_: None)
    raw = json.loads(json.dumps(measure_at(check, at), allow_nan=False))
    answer, reason = read_answer(check, site, raw, fixed)
    assert not reason and answer.kind == "image" and answer.parts["lesion_mass"].n == 0


def test_gradients_from_shots_are_not_asked_of_a_circuit_behind_convolutions(benches, config):
    assert measured("shot_attack", benches, config).verdict is Verdict.NOT_APPLICABLE

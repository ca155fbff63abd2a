from dataclasses import replace

import numpy as np

from audits.domain.explain.controls import label_permuted, permuted_parameters, randomised
from federation.domain.data.phantom import PhantomSource
from federation.domain.learning.evaluation import evaluate
from federation.domain.learning.weights import state_of
from tests.factories.stress import imaging_models, rows_of, tabular_models


def test_permuted_parameters_keep_the_values_and_leave_the_model_alone():
    given_ = {"w": np.arange(12.0).reshape(3, 4)}
    shuffled = permuted_parameters(given_, np.random.default_rng(0))
    assert sorted(shuffled["w"].ravel()) == list(range(12))
    assert shuffled["w"].shape == (3, 4)
    assert not np.array_equal(shuffled["w"], given_["w"])
    assert np.array_equal(given_["w"], np.arange(12.0).reshape(3, 4))


def test_a_randomised_model_has_lost_what_was_learned():
    model, data = tabular_models()["primary"], rows_of("north", 200)
    before = state_of(model)
    control = randomised(model, np.random.default_rng(0))
    assert control.spec == model.spec
    right, blind = (evaluate(network, data).metrics["accuracy"].mean() for network in (model, control))
    assert right > 0.9 and blind < 0.75
    assert all(np.array_equal(before[name], value) for name, value in state_of(model).items())


def test_shuffled_labels_teach_nothing():
    model, data = tabular_models()["primary"], rows_of("north", 200)
    control = label_permuted(model, data, np.random.default_rng(0), steps=60)
    assert abs(evaluate(control, rows_of("south", 200)).metrics["accuracy"].mean() - 0.5) < 0.2


def test_the_same_seed_gives_the_same_control_and_one_label_gives_none():
    model, data = tabular_models()["primary"], rows_of("north", 40)
    one, two = (state_of(label_permuted(model, data, np.random.default_rng(5), steps=8)) for _ in range(2))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert label_permuted(model, replace(data, y=np.ones_like(data.y)), np.random.default_rng(0), steps=8) is None


def test_outlines_are_shuffled_between_images():
    data = PhantomSource(patients=20, n_sites=1, px=16).load("phantom-1")
    control = label_permuted(imaging_models()["primary"], data, np.random.default_rng(0), steps=8)
    assert np.nanmean(evaluate(control, data).metrics["dice"]) < 0.5

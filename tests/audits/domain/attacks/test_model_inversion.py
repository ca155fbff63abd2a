from __future__ import annotations

import numpy as np
import torch

from audits.domain.attacks.model_inversion import invert, remembered
from federation.domain.models.registry import build

TWIN = {"kind": "mlp_classifier", "inputs": 6, "hidden": 4, "outputs": 4}


def knowing_model():
    """Its first feature alone decides, and strongly."""
    model = build(TWIN, seed=0)
    with torch.no_grad():
        for value in model.parameters():
            value.zero_()
        model.bottleneck.hidden.weight[0, 0], model.bottleneck.hidden.bias[0] = 6.0, -3.0
        model.bottleneck.out.weight[0, 0], model.head.weight[0, 0] = 3.0, 8.0
    return model.eval()


def test_the_search_ends_where_the_model_is_sure_of_each_class():
    public = np.full((5, 6), 0.5)
    found = invert(knowing_model(), public, starts=2, steps=80, rng=np.random.default_rng(0))
    assert found.inputs.shape == (6, 6) and (found.score > 0.95).all()
    assert (found.inputs[:3, 0] < 0.4).all() and (found.inputs[3:, 0] > 0.6).all()


def test_the_same_seed_finds_the_same_and_the_weights_are_left_alone():
    model, public = knowing_model(), np.full((5, 6), 0.5)
    weights = [value.clone() for value in model.parameters()]
    one, two = (invert(model, public, starts=2, steps=5, rng=np.random.default_rng(3)) for _ in range(2))
    assert (one.inputs == two.inputs).all()
    assert all((a == b).all() and b.grad is None for a, b in zip(weights, model.parameters(), strict=True))


def test_whom_an_inverted_input_meets_is_remembered():
    found = invert(knowing_model(), np.full((5, 6), 0.5), starts=1, steps=5, rng=np.random.default_rng(0))
    patients = np.vstack([found.inputs[2], np.zeros(6)])
    assert remembered(found, patients, 0.99).tolist() == [True, False]


def test_images_of_a_segmentation_model_are_inverted_too():
    model = build({"kind": "unet", "inputs": 1, "channels": [4, 4, 4], "hidden": 3, "outputs": 4}, seed=1).eval()
    found = invert(model, np.full((2, 1, 16, 16), 0.5), starts=1, steps=2, rng=np.random.default_rng(0))
    assert found.inputs.shape == (4, 1, 16, 16)

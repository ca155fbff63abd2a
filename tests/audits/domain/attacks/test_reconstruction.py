"""Gradient inversion: exact where theory says so, successful on bare gradients, in vain on private ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from audits.domain.attacks.inversion import (
    Search,
    analytic,
    cosine_alone,
    cosine_together,
    patient_steps,
    protected,
    round_update,
)
from audits.domain.attacks.reconstruction import Effort, RoundAttack, from_round, from_steps, merged
from audits.domain.attacks.similarity import NoYardstickError, attack_view, similarity, yardstick
from federation.domain.data.phantom import generate
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.learning.loss import loss_per_row
from federation.domain.learning.weights import state_of
from federation.domain.models.base import as_batch
from federation.domain.models.registry import build
from federation.domain.privacy.stream import KeyedStream

CIRCUIT = {"kind": "vqc_classifier", "inputs": 8, "qubits": 4, "layers": 1, "entangling": True}
TWIN = {"kind": "mlp_classifier", "inputs": 8, "hidden": 6, "outputs": 4}
NOISE = DPConfig(noise_multiplier=1.0, max_grad_norm=1.0, delta=1e-4)
EFFORT = Effort(Search(steps=60, restarts=1), dummies=4)


@pytest.fixture
def rows(random_rows):
    return random_rows(12, columns=8)


@pytest.mark.parametrize("spec", [CIRCUIT, TWIN], ids=["circuit", "twin"])
def test_the_step_of_one_patient_gives_him_away_exactly(spec, rows):
    """The circuit does not help: a classical layer comes before it."""
    model = build(spec, seed=3)
    guesses = analytic(model, patient_steps(model, rows), (8,))
    assert guesses is not None
    for patient, row in enumerate(rows.x):
        assert similarity(guesses[patient], row[None]).max() > 0.999


def test_single_steps_are_the_gradients_of_plain_training(rows):
    model = build(TWIN, seed=3)
    found = patient_steps(model, rows)
    x, y = as_batch(rows.x[2:3]), torch.from_numpy(rows.y[2:3].astype(np.float32))
    loss_per_row(model(x), y, "classification").mean().backward()
    for name, value in model.named_parameters():
        assert value.grad is not None
        torch.testing.assert_close(found[name][2], value.grad)


def test_the_noise_of_a_private_step_is_that_of_training(rows):
    """Clipped to the norm, and noise of the declared spread on each coordinate: 12 x 95 draws, 4 SD of a spread."""
    model = build(TWIN, seed=3)
    bare = patient_steps(model, rows)
    noisy = protected(bare, NOISE, KeyedStream(1))
    norms = torch.cat([bare[n].flatten(1) for n in bare], dim=1).norm(dim=1).clamp(min=NOISE.max_grad_norm)
    noise = torch.cat(
        [(noisy[n] - bare[n] / norms.view(-1, *[1] * (bare[n].dim() - 1))).flatten(1) for n in bare], dim=1
    )
    assert noise.std().item() == pytest.approx(1.0, abs=4 / np.sqrt(2 * noise.numel()))


@pytest.mark.parametrize("spec", [CIRCUIT, TWIN], ids=["circuit", "twin"])
def test_bare_steps_are_inverted_and_private_ones_are_not(spec, rows):
    model = build(spec, seed=3)
    bare = from_steps(model, rows, tau=0.9, effort=EFFORT, rng=np.random.default_rng(1))
    private = from_steps(model, rows, tau=0.9, effort=EFFORT, rng=np.random.default_rng(1), dp=NOISE)
    assert bare["analytic"].all() and bare["cosine"].mean() > 0.5
    assert not private["analytic"].any() and not private["cosine"].any()


def test_attacking_a_round_leaves_the_model_as_it_was_and_a_private_round_gives_nobody_away(rows):
    model = build(TWIN, seed=3)
    before = state_of(model)
    private = LocalConfig(epochs=1, batch_size=4, learning_rate=0.01, dp=NOISE)
    crowd = from_round(model, rows, private, effort=EFFORT, rng=np.random.default_rng(0))
    assert crowd.moved and not merged([crowd.found(rows, 0.95)], 12)["any"].any()
    assert crowd.guesses["cosine"].shape == (4, 8) and crowd.guesses["analytic"].shape == (6, 8)
    assert all((before[name] == value).all() for name, value in state_of(model).items())


def test_patients_among_the_guesses_are_found_whoever_they_are(rows):
    attack = RoundAttack({"cosine": rows.x[[3, 5]].astype(float)}, moved=True)
    assert np.flatnonzero(attack.found(rows, 0.999)["cosine"]).tolist() == [3, 5]


def test_what_the_aggregator_sees_are_the_changed_weights_over_rate_and_steps(rows):
    model = build(TWIN, seed=3)
    before = state_of(model)
    local = LocalConfig(epochs=2, batch_size=4, learning_rate=0.01)
    seen = round_update(model, rows, local, seed=5)
    after = state_of(model)
    for name, value in seen.items():
        np.testing.assert_allclose(value[0].numpy(), (before[name] - after[name]) / (0.01 * 6), atol=1e-5)


def test_searching_together_explains_the_mean_of_the_steps(rows):
    model = build(TWIN, seed=3)
    pair = rows.take(np.array([0, 1]))
    seen = {name: value.mean(dim=0, keepdim=True) for name, value in patient_steps(model, pair).items()}
    found = cosine_together(model, seen, pair.y, (8,), Search(40, 2), np.random.default_rng(0))
    assert found.shape == (2, 2, 8) and found.min() >= 0 and found.max() <= 1


def test_images_have_no_analytic_attack_and_are_searched():
    images = attack_view(generate("phantom-1", count=1, px=32), 16)
    model = build({"kind": "unet", "inputs": 1, "channels": [4, 4, 4], "hidden": 3, "outputs": 4}, seed=1)
    seen = patient_steps(model, images)
    assert analytic(model, seen, (1, 16, 16)) is None
    told: list[int] = []
    found = cosine_alone(model, seen, images.y, (1, 16, 16), Search(2, 1), np.random.default_rng(0), told.append)
    assert found.shape == (1, 1, 1, 16, 16) and told == [1, 2]


def test_a_patient_counts_once_whatever_was_tried():
    one, two = {"cosine": np.array([True, False, False])}, {"analytic": np.array([True, True, False])}
    found = merged([one, two], 3)
    assert found["any"].tolist() == [True, True, False]
    assert found["cosine"].sum() == 1 and found["analytic"].sum() == 2


def test_similarity_of_rows_is_one_minus_the_root_mean_square():
    left, right = np.array([[0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 1.0], [0.6, 0.8], [np.nan, 0.0]])
    np.testing.assert_allclose(similarity(left, right), [[1.0, 0.0, 1 - np.sqrt(0.5), -1.0]])


def test_similarity_of_images_is_one_for_the_same_and_less_for_noise():
    rng = np.random.default_rng(0)
    images = rng.random((2, 1, 16, 16))
    found = similarity(images, images)
    np.testing.assert_allclose(np.diag(found), 1.0)
    assert abs(found[0, 1]) < 0.3


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 20, 12)])
def test_similarity_of_images_is_that_of_scikit_image(shape):
    rng = np.random.default_rng(2)
    left, right = rng.random((3, *shape)), rng.random((4, *shape)) ** 2
    right[0] = 0.9 * left[0]
    expected = [[structural_similarity(a, b, data_range=1.0, channel_axis=0) for b in right] for a in left]
    np.testing.assert_allclose(similarity(left, right), expected, atol=1e-12)


def test_images_that_are_not_finite_are_like_nothing_and_tiny_ones_are_refused():
    images = np.zeros((2, 1, 16, 16))
    images[1, 0, 3, 3] = np.nan
    np.testing.assert_allclose(similarity(images, images), [[1.0, -1.0], [-1.0, -1.0]])
    with pytest.raises(ValueError, match="at least 7 pixels"):
        similarity(images[:1, :, :6], images[:1, :, :6])


def test_the_yardstick_is_what_public_records_and_their_mean_reach():
    public = np.array([[0.0, 0.0], [1.0, 1.0]])  # their mean is (.5, .5)
    found = yardstick(np.array([[0.5, 0.5], [0.0, 0.2]]), np.vstack([public, [[0.9, 0.1]]]))
    assert found.n_public == 3
    mean = np.array([1.9, 1.1]) / 3
    assert found.tau == pytest.approx(1 - np.sqrt((((0.5, 0.5) - mean) ** 2).mean()))


def test_copies_of_private_records_leave_nothing_to_show():
    with pytest.raises(NoYardstickError, match="copies"):
        yardstick(np.array([[0.5, 0.5]]), np.array([[0.5, 0.5], [0.1, 0.1]]))
    with pytest.raises(NoYardstickError, match="private and public"):
        yardstick(np.zeros((0, 2)), np.array([[0.5, 0.5]]))


def test_a_patient_is_attacked_by_the_slice_with_most_of_the_lesion_made_small():
    data = generate("phantom-1", count=2, px=32)
    double = replace(
        data, x=np.concatenate([data.x, data.x]), y=np.concatenate([np.zeros_like(data.y), data.y]),
        patient_index=np.array([0, 1, 0, 1]),
    )  # fmt: skip
    seen = attack_view(double, 16)
    assert seen.x.shape == (2, 1, 16, 16) and seen.y.shape == (2, 16, 16)
    np.testing.assert_allclose(seen.x[0, 0, 0, 0], data.x[0, 0, :2, :2].mean(), rtol=1e-5)
    assert seen.y.any() == data.y.any()

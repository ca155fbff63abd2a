"""What is taken of a version's weights, and that what is frozen has no gradient and no share of a patient's budget."""

import pytest
import torch

from federation.domain.learning import starting
from federation.domain.learning.privacy import clipped_sum, patient_gradients
from federation.domain.learning.states import WeightsError, digest, to_bytes
from federation.domain.learning.weights import state_of
from federation.domain.models.registry import build, default_specs
from federation.domain.models.transferred import TransferError
from federation.domain.start import Start

NAMES = ("primary", "baseline")
TABLE, SCANS = default_specs("classification", 6), default_specs("segmentation", 1)
CHEST = default_specs("classification", 1, 32)
VOLUMES = {"kind": "unet3d", "inputs": 1, "channels": [8, 16, 32], "standardise": True}
POOLED = ({"kind": "hybrid_unet", "inputs": 1, "channels": [8, 16, 24], "qubits": 4, "layers": 2, "entangling": True},
          {"kind": "unet", "inputs": 1, "channels": [8, 16, 24], "hidden": 4, "outputs": 4})  # fmt: skip


def specs(pair):
    return dict(zip(NAMES, pair, strict=True))


@pytest.mark.parametrize(
    ("pair", "task", "shape", "kinds"),
    [
        (TABLE, "classification", (6,), ("vqc_classifier", "mlp_classifier")),
        (CHEST, "classification", (1, 32, 32), ("chest_vqc", "chest_cnn")),
        (SCANS, "segmentation", (1, 32, 32), ("hybrid_unet", "unet2d")),
        (SCANS, "classification", (1, 32, 32), ("transferred_vqc", "transferred_mlp")),
        (POOLED, "classification", (1, 32, 32), ("transferred_vqc", "transferred_mlp")),
    ],
    ids=["table", "chest", "scans", "scans to a class", "pooled to a class"],
)
def test_the_encoder_is_taken_whole_and_everything_else_starts_anew(pair, task, shape, kinds):
    found = starting.specs_for(specs(pair), "tuned", task=task, shape=shape)
    assert tuple(spec["kind"] for spec in found.values()) == kinds
    for name, spec in found.items():
        source = build(specs(pair)[name], seed=1)
        taken = starting.taken_from(source.spec, to_bytes(state_of(source)), "tuned")
        begun = starting.started(spec, seed=2, taken=taken, encoder="tuned")
        fresh, kept = state_of(build(spec, seed=2)), starting.frozen_names(spec)
        assert {key for key in begun if begun[key].tobytes() != fresh[key].tobytes()} <= kept < set(begun)
        assert sorted(begun[key].tobytes() for key in kept) == sorted(
            value.numpy().tobytes() for value in starting.encoder_in(source).state_dict().values()
        )
        model = build(spec, seed=3)
        start = Start("id", "M v1", "frozen", *[dict.fromkeys(NAMES, digest(taken))] * 2, (), (), None)
        assert not starting.begins_as_agreed(model, start, name)
        model.load_state_dict({key: torch.from_numpy(value) for key, value in begun.items()})
        assert starting.begins_as_agreed(model, start, name)


def test_training_goes_on_with_every_weight():
    source = build(TABLE[0], seed=1)
    whole = to_bytes(state_of(source))
    assert starting.taken_from(TABLE[0], whole, None) == whole
    assert to_bytes(starting.started(TABLE[0], seed=2, taken=whole, encoder=None)) == whole


def test_a_frozen_encoder_has_no_gradient_and_the_head_has_the_whole_clipping_norm():
    digests = dict.fromkeys(NAMES, "a" * 64)
    model, start = build(TABLE[0], seed=1), Start("id", "M v1", "frozen", digests, digests, (), (), None)
    x, y, patient = torch.randn(3, 6), torch.tensor([0.0, 1.0, 1.0]), torch.arange(3)
    every = patient_gradients(model, x, y, patient, 3)
    starting.freeze(model, start)
    learned = patient_gradients(model, x, y, patient, 3)
    kept = starting.frozen_names(TABLE[0])
    assert set(learned) == set(every) - kept
    for name, value in learned.items():
        torch.testing.assert_close(value, every[name])
    small = 1e-3  # every patient is clipped, so the sum of unit vectors says how the norm was spent
    of_one = clipped_sum({name: value[:1] for name, value in learned.items()}, max_grad_norm=small)
    assert sum(float(value.square().sum()) for value in of_one.values()) ** 0.5 == pytest.approx(small, rel=1e-4)


@pytest.mark.parametrize(
    ("attempt", "told"),
    [
        (lambda: starting.specs_for(specs(TABLE), "tuned", task="segmentation", shape=(1, 32, 32)), "no way back"),
        (lambda: starting.specs_for(specs(SCANS), None, task="classification", shape=(1, 32, 32)), "its encoder alone"),
        (lambda: starting.specs_for(specs(SCANS), None, task="segmentation", shape=(1, 30, 30)), "does not fit"),
        (lambda: starting.specs_for(specs([VOLUMES] * 2), "frozen", task="segmentation", shape=(1, 8, 32, 32)),
         "in two dimensions"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(attempt, told):
    with pytest.raises(TransferError, match=told):
        attempt()


def test_weights_of_another_model_are_refused():
    other = to_bytes(state_of(build(TABLE[1])))
    with pytest.raises(WeightsError):
        starting.taken_from(TABLE[0], other, None)
    with pytest.raises(WeightsError):
        starting.started(TABLE[0], seed=1, taken=other, encoder="frozen")

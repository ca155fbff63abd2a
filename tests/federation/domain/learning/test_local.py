from dataclasses import replace

import numpy as np
import pytest
import torch

from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.learning import gradients
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.learning.evaluation import evaluate
from federation.domain.learning.local import Progress, TrainingDiverged, TrainingStopped, train_local
from federation.domain.learning.weights import state_of, to_bytes
from federation.domain.models.registry import build, default_specs

PRIVATE = DPConfig(noise_multiplier=1.0, max_grad_norm=0.5, delta=1e-3)


def site(task, x, y, patient_index):
    n = int(patient_index.max()) + 1 if len(patient_index) else 0
    ids = tuple(f"p{i}" for i in range(n))
    groups = {"sex": np.array(["female", "male"] * n)[:n]}
    index = patient_index.astype(np.int64)
    return SiteData("toy", task, ids, x.astype(np.float32), y, index, groups, (), LoadReport(n, n))


def tabular(n=60):
    """Patients are ill when the first feature is over the second."""
    x = np.random.default_rng(0).random((n, 4))
    return site("classification", x, (x[:, 0] > x[:, 1]).astype(np.int64), np.arange(n))


def images(n=24):
    """A bright square of 6 pixels at a place of its own on each slice; two slices a patient."""
    rng = np.random.default_rng(1)
    y = np.zeros((n, 16, 16), dtype=np.uint8)
    for mask, (row, column) in zip(y, rng.integers(0, 10, (n, 2)), strict=True):
        mask[row : row + 6, column : column + 6] = 1
    x = 0.6 * y[:, None] + 0.2 * rng.random((n, 1, 16, 16))
    return site("segmentation", x, y, np.arange(n) // 2)


CASES = {
    "classification": (tabular(), 4, LocalConfig(12, 10, 0.05)),
    "segmentation": (images(), 1, LocalConfig(6, 2, 0.01)),
}


@pytest.mark.parametrize("which", [0, 1], ids=["quantum", "twin"])
@pytest.mark.parametrize("task", list(CASES))
def test_training_learns_a_toy_problem(task, which):
    data, inputs, config = CASES[task]
    model = build(default_specs(task, inputs)[which], seed=1)
    first = train_local(model, data, replace(config, epochs=1), seed=2)
    last = train_local(model, data, config, seed=3)
    assert float(last.mean_loss or 0) < 0.7 * float(first.mean_loss or 0)
    metric = "accuracy" if task == "classification" else "dice"
    assert evaluate(model, data).metrics[metric].mean() > 0.85


@pytest.mark.parametrize("dp", [None, PRIVATE])
@pytest.mark.parametrize("task", list(CASES))
def test_the_same_seed_gives_the_same_weights_and_another_does_not(task, dp):
    data, inputs, config = CASES[task]
    config = replace(config, epochs=1, dp=dp)
    spec = default_specs(task, inputs)[0]
    results = [to_bytes(train_local(build(spec), data, config, seed=seed).state) for seed in (5, 5, 6)]
    assert results[0] == results[1] != results[2]


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_that_go_through_in_pieces_give_the_gradients_of_the_whole(weighted, monkeypatch):
    data, inputs, _ = CASES["segmentation"]
    weights = np.linspace(0.5, 1.5, data.n_patients) if weighted else None
    found = {}
    for at_once in (24 * 16**2, 5 * 16**2):  # all 24 slices, or five pieces, of five and of four
        monkeypatch.setattr(gradients, "PIXELS_AT_ONCE", at_once)
        model = build(default_specs("segmentation", inputs)[0], seed=1)
        result = train_local(model, data, LocalConfig(1, 12, 0.01), seed=2, patient_weights=weights)
        found[at_once] = (result.mean_loss, [parameter.grad.clone() for parameter in model.parameters()])
    (one_loss, one), (other_loss, other) = found.values()
    assert one_loss == pytest.approx(other_loss, rel=1e-6)
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("n", [1, 4, 5, 9, 17])
def test_no_slab_goes_through_alone_beside_others(n, monkeypatch):
    monkeypatch.setattr(gradients, "PIXELS_AT_ONCE", 1)
    model = build({"kind": "unet3d", "inputs": 1, "channels": [4, 8, 16], "standardise": False}, seed=0)
    sizes: list[int] = []
    model.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    gradients._plain_step(model, torch.rand(n, 1, 4, 16, 16), torch.zeros(n, 4, 16, 16), 0.0, None)
    assert sum(sizes) == n and max(sizes) <= gradients.LEAST_AT_ONCE
    assert n == 1 or min(sizes) > 1


def test_the_result_says_what_the_accountant_and_the_average_need():
    data, inputs, _ = CASES["segmentation"]
    model = build(default_specs("segmentation", inputs)[0])
    result = train_local(model, data, LocalConfig(2, 5, 0.01), seed=0)
    assert (result.n_records, result.steps) == (12, 6)  # patients, and 2 epochs of 3 steps
    assert result.sample_rate == pytest.approx(5 / 12)
    assert to_bytes(result.state) == to_bytes(state_of(model))
    alone = train_local(model, data.take(np.array([0])), LocalConfig(1, 5, 0.01), seed=0)
    assert (alone.steps, alone.sample_rate) == (1, 1.0)


def test_private_training_releases_no_loss():
    data, inputs, config = CASES["classification"]
    seen: list[Progress] = []
    model = build(default_specs("classification", inputs)[0])
    result = train_local(model, data, replace(config, epochs=1, dp=PRIVATE), seed=2**130, progress=seen.append)
    assert result.mean_loss is None
    assert [step.loss for step in seen] == [None] * result.steps


def test_private_training_with_little_noise_learns():
    data, inputs, config = CASES["classification"]
    model = build(default_specs("classification", inputs)[0], seed=1)
    train_local(model, data, replace(config, epochs=20, dp=DPConfig(0.1, 1.0, 1e-3)), seed=4)
    assert evaluate(model, data).metrics["accuracy"].mean() > 0.85


def test_one_patient_moves_a_private_step_by_no_more_than_the_clipping_norm(monkeypatch):
    """With all patients in every step, the noise cancels between two runs and only the patient's share is left."""
    data, inputs, _ = CASES["classification"]
    sums = []

    def without_noise(summed, *, std, stream):
        sums.append(summed)
        return summed

    monkeypatch.setattr("federation.domain.learning.gradients.add_noise", without_noise)
    config = LocalConfig(1, 1000, 0.01, PRIVATE)
    for patients in (np.arange(60), np.arange(59)):
        train_local(build(default_specs("classification", inputs)[0]), data.take(patients), config, seed=0)
    squares = sum(float((sums[0][name] - sums[1][name]).square().sum()) for name in sums[0])
    assert 0 < squares**0.5 <= PRIVATE.max_grad_norm + 1e-5


def test_progress_counts_steps_and_epochs():
    data, inputs, _ = CASES["classification"]
    seen: list[Progress] = []
    config = LocalConfig(2, 25, 0.01)
    result = train_local(build(default_specs("classification", inputs)[1]), data, config, seed=0, progress=seen.append)
    assert [(p.epoch, p.step, p.steps) for p in seen] == [
        (1, 1, 6),
        (1, 2, 6),
        (1, 3, 6),
        (2, 4, 6),
        (2, 5, 6),
        (2, 6, 6),
    ]
    assert result.mean_loss == pytest.approx(np.mean([p.loss for p in seen[3:]]))


def test_training_stops_when_asked_and_gives_no_update():
    data, inputs, config = CASES["classification"]
    seen: list[Progress] = []
    with pytest.raises(TrainingStopped, match="before step 3 of 72"):
        train_local(
            build(default_specs("classification", inputs)[1]),
            data,
            config,
            seed=0,
            progress=seen.append,
            should_stop=lambda: len(seen) == 2,
        )


def test_weights_that_are_no_longer_finite_are_never_sent():
    data, inputs, config = CASES["classification"]
    model = build(default_specs("classification", inputs)[1])
    with pytest.raises(TrainingDiverged, match="check the inputs"):
        train_local(model, replace(data, x=np.full_like(data.x, np.nan)), config, seed=0)


def test_data_that_do_not_fit_are_refused():
    model = build(default_specs("classification", 4)[0])
    with pytest.raises(ValueError, match="got data for segmentation"):
        train_local(model, CASES["segmentation"][0], LocalConfig(1, 5, 0.01), seed=0)
    nobody = tabular().take(np.array([], dtype=np.int64))
    with pytest.raises(ValueError, match="at least one patient at toy"):
        train_local(model, nobody, LocalConfig(1, 5, 0.01), seed=0)

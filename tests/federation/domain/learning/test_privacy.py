import warnings

import pytest
import torch
from scipy import stats

from federation.domain.learning.loss import loss_per_row
from federation.domain.learning.privacy import add_noise, clipped_sum, patient_gradients
from federation.domain.models.registry import build, default_specs
from federation.domain.privacy.stream import KeyedStream


def three_patients(task):
    """Five rows: patient 0 has one, patient 1 three, patient 2 one."""
    source = torch.Generator().manual_seed(3)
    patient = torch.tensor([0, 1, 1, 2, 1])
    if task == "classification":
        return torch.rand(5, 6, generator=source), torch.tensor([1.0, 0, 1, 1, 0]), patient
    target = (torch.rand(5, 16, 16, generator=source) > 0.8).float()
    return torch.rand(5, 1, 16, 16, generator=source), target, patient


@pytest.mark.parametrize("task", ["classification", "segmentation"])
@pytest.mark.parametrize("which", [0, 1])
def test_gradients_by_patient_equal_a_loop_over_patients(task, which):
    model = build(default_specs(task, 6 if task == "classification" else 1)[which], seed=1)
    for parameter in model.parameters():  # away from the zeros of the U-Net's modulation
        parameter.data += 0.02
    x, y, patient = three_patients(task)
    got = patient_gradients(model, x, y, patient, 3)
    for one in range(3):
        loss = loss_per_row(model(x[patient == one]), y[patient == one], task).mean()
        expected = torch.autograd.grad(loss, list(model.parameters()))
        for (name, _), gradient in zip(model.named_parameters(), expected, strict=True):
            assert torch.allclose(got[name][one], gradient, atol=2e-5), name


def test_a_draw_without_patients_gives_zero_gradients():
    model = build(default_specs("classification", 6)[0])
    empty = patient_gradients(model, torch.zeros(0, 6), torch.zeros(0), torch.zeros(0, dtype=torch.int64), 0)
    summed = clipped_sum(empty, max_grad_norm=1.0)
    assert {name: value.shape for name, value in summed.items()} == {
        name: value.shape for name, value in model.named_parameters()
    }
    assert all(not value.any() for value in summed.values())


def test_long_gradients_are_shortened_and_short_ones_kept():
    # Norms over both weights together: 5, 0.5 and 0; the limit is 1.
    gradients = {"a": torch.tensor([[3.0], [0.3], [0.0]]), "b": torch.tensor([[4.0], [0.4], [0.0]])}
    summed = clipped_sum(gradients, max_grad_norm=1.0)
    assert summed["a"].tolist() == pytest.approx([0.6 + 0.3])
    assert summed["b"].tolist() == pytest.approx([0.8 + 0.4])


def test_noise_is_gaussian_of_the_given_width():
    noisy = add_noise({"w": torch.zeros(100, 200)}, std=3.0, stream=KeyedStream(42))["w"].flatten().numpy()
    assert noisy.std() == pytest.approx(3.0, rel=0.03)
    assert stats.kstest(noisy / 3, "norm").pvalue > 0.001


def test_gradients_by_patient_equal_those_of_opacus_where_it_knows_every_layer():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # opacus, of torch's hooks
        from opacus import GradSampleModule
    x, y, patient = three_patients("classification")
    model = build(default_specs("classification", 6)[1], seed=1)
    ours = patient_gradients(model, x, y, patient, 3)
    share = 1 / torch.bincount(patient).float()
    theirs = GradSampleModule(build(default_specs("classification", 6)[1], seed=1), loss_reduction="sum")
    (share[patient] * loss_per_row(theirs(x), y, "classification")).sum().backward()
    for name, parameter in theirs._module.named_parameters():
        summed = torch.zeros(3, *parameter.shape).index_add_(0, patient, parameter.grad_sample)
        assert torch.allclose(ours[name], summed, atol=1e-6), name

import math

import pytest
import torch
from monai.losses import DiceLoss, TverskyLoss

from federation.domain.learning.loss import loss_per_row


def test_classification_is_the_negative_log_likelihood():
    loss = loss_per_row(torch.tensor([0.0, math.log(3)]), torch.tensor([1.0, 0.0]), "classification")
    assert loss.tolist() == pytest.approx([math.log(2), math.log(4)])


def test_segmentation_adds_the_smoothed_dice_loss():
    # p = 1/2 everywhere, one of four pixels is lesion: Dice = (2 * 0.5 + 1) / (2 + 1 + 1).
    target = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    loss = loss_per_row(torch.zeros(1, 2, 2), target, "segmentation")
    assert loss.tolist() == pytest.approx([math.log(2) + 0.5])


@pytest.mark.parametrize("target", [torch.zeros(1, 2, 2), torch.ones(1, 2, 2)])
def test_a_perfect_mask_costs_nothing_even_when_it_is_empty(target):
    assert loss_per_row(200 * target - 100, target, "segmentation").tolist() == pytest.approx([0], abs=1e-6)


def test_rows_do_not_see_one_another():
    logits, target = torch.randn(3, 4, 4), (torch.rand(3, 4, 4) > 0.5).float()
    alone = torch.cat([loss_per_row(logits[i : i + 1], target[i : i + 1], "segmentation") for i in range(3)])
    assert torch.allclose(loss_per_row(logits, target, "segmentation"), alone)


def test_missed_pixels_can_weigh_more_than_false_ones():
    """Two pixels, one ill; confident and wrong once in each way: 1 - (0 + 0.5) / (0 + weight + 0.5), by hand."""
    target = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]]])
    logits = torch.tensor([[[-40.0, -40.0]], [[40.0, -40.0]]])
    entropy = torch.tensor([20.0, 20.0])
    missed, false = (loss_per_row(logits, target, "segmentation", misses=0.7) - entropy).tolist()
    assert missed == pytest.approx(1 - 0.5 / 1.2, abs=1e-5) and false == pytest.approx(1 - 0.5 / 0.8, abs=1e-5)


def test_a_slab_is_one_row():
    target = torch.tensor([[[[1.0, 0.0]], [[0.0, 0.0]]]])
    assert loss_per_row(200 * target - 100, target, "segmentation").tolist() == pytest.approx([0], abs=1e-6)


@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (2, 1, 4, 8, 8)], ids=["slices", "slabs"])
@pytest.mark.parametrize("misses", [0.5, 0.7])
def test_segmentation_is_torchs_entropy_plus_monais_overlap(shape, misses):
    source = torch.Generator().manual_seed(1)
    logits, target = 3 * torch.randn(shape, generator=source), (torch.rand(shape, generator=source) < 0.2).float()
    target[0] = 0  # a healthy row
    how = {"sigmoid": True, "reduction": "none"}
    overlap = TverskyLoss(alpha=1 - misses, beta=misses, smooth_nr=0.5, smooth_dr=0.5, **how)(logits, target).flatten()
    if misses == 0.5:
        assert torch.allclose(overlap, DiceLoss(smooth_nr=1, smooth_dr=1, **how)(logits, target).flatten())
    entropy = torch.nn.BCEWithLogitsLoss(reduction="none")(logits, target)
    expected = entropy.flatten(1).mean(1) + overlap
    assert torch.allclose(loss_per_row(logits[:, 0], target[:, 0], "segmentation", misses=misses), expected)


def test_classification_is_torchs_entropy():
    logits, target = torch.linspace(-9, 9, 40), torch.arange(40) % 2
    expected = torch.nn.BCELoss(reduction="none")(torch.sigmoid(logits.double()), target.double()).float()
    assert torch.allclose(loss_per_row(logits, target.float(), "classification"), expected, atol=1e-6)

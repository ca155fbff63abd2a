"""Changed copies of images: mask and image move together, and nothing depends on the device or the batch."""

import numpy as np
import pytest
import torch

from federation.domain.learning.augment import augmented


def square(channels=3):
    """One bright square, which is the lesion."""
    x, y = torch.zeros(2, channels, 32, 32), torch.zeros(2, 32, 32)
    x[:, :, 4:12, 6:16], y[:, 4:12, 6:16] = 1, 1
    return x, y


def changed(x, y, how, *, hide=0.0, sequences=3, seed=0):
    return augmented(x, y, how, hide=hide, sequences=sequences, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("how", ["flips", "affine", "full"])
def test_the_mask_moves_with_the_image(how):
    x, y = square()
    images, masks = changed(x, y, how)
    assert ((images[:, 0] > 0.4).float() != masks).float().mean() < 0.02
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    assert images.min() >= 0 and images.max() <= 1


def test_nothing_is_changed_without_being_asked_for():
    x, y = square()
    images, masks = changed(x, y, "none")
    assert images is x and masks is y


def test_a_flip_mirrors_left_and_right():
    x, y = square()
    found = [changed(x, y, "flips", seed=seed)[0][0] for seed in range(8)]
    mirrored = [torch.allclose(image, x[0].flip(-1), atol=1e-5) for image in found]
    kept = [torch.allclose(image, x[0], atol=1e-5) for image in found]
    assert any(mirrored) and any(kept) and all(m != k for m, k in zip(mirrored, kept, strict=True))


def test_a_slab_moves_as_one_body():
    x, y = square(channels=1)
    images, masks = changed(x[:, :, None].repeat(1, 1, 4, 1, 1), y[:, None].repeat(1, 4, 1, 1), "affine", sequences=1)
    assert images.shape == (2, 1, 4, 32, 32)
    assert torch.equal(masks[:, :1].expand_as(masks), masks)


def test_a_hidden_sequence_is_replaced_by_another_in_the_slice_and_its_neighbours():
    x = torch.arange(6.0).view(1, 6, 1, 1).expand(40, 6, 2, 2)  # three sequences of two slices
    images, _ = changed(x, torch.zeros(40, 2, 2), "none", hide=0.9)
    seen = images[:, :, 0, 0]
    assert torch.equal(seen[:, 3:], seen[:, :3] + 3)
    lost = (seen[:, :3] != torch.arange(3.0)).sum(dim=1)
    assert set(lost.tolist()) == {0, 1} and lost.sum() > 20


def test_the_same_seed_changes_alike():
    x, y = square()
    assert torch.equal(changed(x, y, "full", seed=3)[0], changed(x, y, "full", seed=3)[0])
    assert not torch.equal(changed(x, y, "full", seed=3)[0], changed(x, y, "full", seed=4)[0])

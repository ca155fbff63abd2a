"""A step with the sites' common noise, beside the same step without any."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from federation.domain.learning.gradients import Rows, drawn_sum
from federation.domain.learning.shared_step import noised_sum
from federation.domain.models.registry import build, default_specs
from federation.domain.privacy.config import PrivacyConfig
from federation.domain.privacy.distributed import mean_gradient, share_variance
from federation.domain.privacy.stream import KeyedStream

MODULUS = 4294967291
QUIET = PrivacyConfig(
    "distributed", epsilon=100.0, delta=1e-5, clip=0.5, noise_multiplier=1e-4, sample_rate=1.0, quorum=3,
    levels=2**16, parameters=200,
)  # fmt: skip


@pytest.fixture
def model():
    return build(default_specs("classification", 6)[0], seed=1)


def site(seed: int) -> Rows:
    """Twelve patients of two rows each."""
    generator = torch.Generator().manual_seed(seed)
    y = (torch.rand(24, generator=generator) > 0.5).float()
    return Rows(torch.rand(24, 6, generator=generator), y, np.arange(24) // 2, y.numpy() > 0, 1, 12)


def gradient(config, model):
    sent = [noised_sum(model, site(n), config, modulus=MODULUS, stream=KeyedStream(n)) for n in range(3)]
    return mean_gradient(np.sum(sent, axis=0) % MODULUS, config, modulus=MODULUS, patients=36)


def test_without_noise_to_speak_of_the_step_is_the_clipped_mean_of_all_patients(model):
    found = gradient(QUIET, model)
    plain = [drawn_sum(model, site(n), sample_rate=1.0, max_grad_norm=0.5, stream=KeyedStream(n)) for n in range(3)]
    expected = np.concatenate([sum(one[name] for one in plain).numpy().ravel() / 36 for name in sorted(plain[0])])
    assert np.allclose(found, expected, atol=1e-5)
    assert 0 < np.linalg.norm(found) <= 0.5


def test_the_noise_in_a_step_is_that_of_all_sites(model):
    found = gradient(replace(QUIET, noise_multiplier=20.0), model)
    assert found.std() == pytest.approx(20 * 0.5 / 36, rel=0.2)


def test_a_site_without_patients_adds_its_share_of_the_noise(model):
    config = replace(QUIET, noise_multiplier=20.0)
    sent = noised_sum(model, None, config, modulus=MODULUS, stream=KeyedStream(1))
    whole = np.where(sent > MODULUS // 2, sent - MODULUS, sent)
    assert whole.std() == pytest.approx(share_variance(config) ** 0.5, rel=0.2)


def test_a_model_larger_than_was_accounted_is_refused(model):
    with pytest.raises(ValueError, match="expected at most 5 parameters, as accounted"):
        noised_sum(model, site(1), replace(QUIET, parameters=5), modulus=MODULUS, stream=KeyedStream(1))

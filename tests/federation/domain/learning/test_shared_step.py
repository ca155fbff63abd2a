"""A step with the sites' common noise, beside the same step without any."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from federation.domain.learning.local import Rows, drawn_sum
from federation.domain.learning.shared_step import set_gradients, site_update
from federation.domain.models.registry import build, default_specs
from federation.domain.privacy.config import PrivacyConfig
from federation.domain.privacy.stream import KeyedStream

MODULUS = 4294967291
QUIET = PrivacyConfig(
    "distributed", epsilon=100.0, delta=1e-5, clip=0.5, noise_multiplier=1e-4, sample_rate=1.0, quorum=3,
    levels=2**16, parameters=100,
)  # fmt: skip


def both_models():
    primary, baseline = default_specs("classification", 6)
    return {"primary": build(primary, seed=1), "baseline": build(baseline, seed=1)}


def site(seed: int) -> Rows:
    """Twelve patients of two rows each."""
    generator = torch.Generator().manual_seed(seed)
    y = (torch.rand(24, generator=generator) > 0.5).float()
    return Rows(torch.rand(24, 6, generator=generator), y, np.arange(24) // 2, y.numpy() > 0, 1)


def summed_updates(config, models):
    sent = [site_update(models, site(n), config, modulus=MODULUS, stream=KeyedStream(n)) for n in range(3)]
    return np.sum(sent, axis=0) % MODULUS


def test_without_noise_to_speak_of_the_step_is_the_clipped_mean_of_all_patients():
    models = both_models()
    set_gradients(models, summed_updates(QUIET, models), QUIET, modulus=MODULUS, patients=36)
    for model in models.values():
        plain = [drawn_sum(model, site(n), sample_rate=1.0, max_grad_norm=0.5, stream=KeyedStream(n)) for n in range(3)]
        for name, parameter in model.named_parameters():
            expected = sum(one[name] for one in plain) / 36
            assert torch.allclose(parameter.grad, expected, atol=1e-5), name
            assert parameter.grad.abs().max() <= 0.5


def test_the_noise_in_a_step_is_that_of_all_sites():
    config, models = replace(QUIET, noise_multiplier=20.0), both_models()
    set_gradients(models, summed_updates(config, models), config, modulus=MODULUS, patients=36)
    found = torch.cat([p.grad.flatten() for model in models.values() for p in model.parameters()])
    assert found.std().item() == pytest.approx(20 * 0.5 / 36, rel=0.2)


def test_a_model_larger_than_was_accounted_is_refused():
    with pytest.raises(ValueError, match="expected at most 5 parameters, as accounted"):
        site_update(both_models(), site(1), replace(QUIET, parameters=5), modulus=MODULUS, stream=KeyedStream(1))


def test_a_sum_of_another_length_is_refused():
    models = both_models()
    with pytest.raises(ValueError, match="expected a sum of"):
        set_gradients(models, np.zeros(10_000, dtype=np.int64), QUIET, modulus=MODULUS, patients=36)

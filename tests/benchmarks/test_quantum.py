"""The arms of the study of training under noise, on a few made-up patients."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.quantum import training
from benchmarks.quantum.notes import made_with


def data(n: int = 12) -> training.Split:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3))
    return training.split(x, (x[:, 0] > 0).astype(float), seed=0)


def test_halves_share_no_patient_and_the_held_half_is_scaled_by_the_other():
    rng = np.random.default_rng(0)
    parts = training.split(rng.normal(5, 2, (40, 3)), np.zeros(40), seed=1)
    assert parts.x.shape == parts.held_x.shape == (20, 3) and len(set(parts.held)) == 20
    assert torch.allclose(parts.x.mean(0), torch.zeros(3), atol=1e-6)
    assert not torch.allclose(parts.held_x.mean(0), torch.zeros(3), atol=1e-3)


def test_every_arm_answers_and_those_without_noise_do_so_alike_under_each(monkeypatch):
    monkeypatch.setattr(training, "STEPS", 2)
    monkeypatch.setattr(training, "REFIT", 1)
    found = training.run_arms(data(), training.NOISE[::2], seed=0)
    assert set(found) == {"mild", "strong"}
    mild, strong = found["mild"], found["strong"]
    assert set(mild) == {"aware", *training.PEERS} and all(len(logits) == 6 for logits in mild.values())
    for arm in ("ideal", "twin"):
        assert np.array_equal(mild[arm], strong[arm])
    for arm in ("blind", "refit", "aware"):
        assert not np.allclose(mild[arm], strong[arm])
    assert np.abs(strong["blind"] - mild["ideal"]).max() > np.abs(mild["blind"] - mild["ideal"]).max()


def test_a_row_says_what_it_was_made_with():
    facts = {"backend": "b 1", "shots": 1000, "seed": 3, "noise": {"name": "n", "sha256": "abcdef" * 8}}
    assert made_with(facts) == "b 1, 1,000 shots, seed 3, noise n (abcdefabcdef)"
    assert made_with({"backend": "b", "shots": None, "seed": None}) == "b, exact"

"""Images from gradients: exact from a dense layer, found by search, in vain from private steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from audits.domain.attacks.inversion import Search, analytic, patient_steps
from audits.domain.attacks.reconstruction import Effort, from_round, from_steps
from audits.domain.attacks.similarity import attack_view, similarity, yardstick
from audits.domain.attacks.tail import Prior, through_the_tail
from federation.domain.data.phantom import generate
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.models.base import Model
from federation.domain.models.registry import build

NOISE = DPConfig(noise_multiplier=1.0, max_grad_norm=0.5, delta=1e-4)
EFFORT = Effort(Search(steps=1, restarts=1), dummies=2, hops=1)


class Dense(Model):
    """A segmentation that begins with a linear layer over all pixels: it leaks by construction."""

    task = "segmentation"

    def __init__(self) -> None:
        super().__init__({"kind": "dense"})
        self.hidden, self.out = nn.Linear(256, 8), nn.Linear(8, 256)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.hidden(x.flatten(1)))).reshape(-1, 16, 16)


@pytest.fixture(scope="module")
def phantoms():
    """Three patients, public images of others, and what must be beaten."""
    data = attack_view(generate("phantom-1", count=80, px=16), 16)
    return data.take(np.arange(3)), data.x[40:], yardstick(data.x[:40], data.x[40:]).tau


def dense() -> Model:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return Dense().eval()


def test_a_leaky_image_model_is_solved_by_either_attack_and_its_private_steps_are_not(phantoms):
    data, public, tau = phantoms
    model, one = dense(), data.take(np.arange(1))
    known = {"tau": tau, "effort": EFFORT, "public": public}
    bare = from_steps(model, one, rng=np.random.default_rng(0), **known)
    private = from_steps(model, one, rng=np.random.default_rng(0), dp=NOISE, **known)
    assert bare["analytic"].all() and bare["tail"].all()
    assert not any(found.any() for found in private.values())


def test_a_dense_first_layer_gives_the_image_away_exactly(phantoms):
    data, *_ = phantoms
    model = dense()
    guesses = analytic(model, patient_steps(model, data), (1, 16, 16))
    assert guesses is not None and guesses.shape == (3, 8, 1, 16, 16)
    assert similarity(guesses[1], data.x[1:2]).max() > 0.999


def test_searches_are_told_stay_in_range_and_repeat_by_their_seed(phantoms):
    data, public, _ = phantoms
    model, told = build({"kind": "unet", "inputs": 1, "channels": [4, 4, 4], "hidden": 3, "outputs": 4}, seed=1), []
    one = data.take(np.arange(1))
    seen = patient_steps(model, one)
    again = [
        through_the_tail(model, seen, one.y, public, hops=0, rng=np.random.default_rng(2), told=told.append)
        for _ in range(2)
    ]
    assert again[0].shape == (1, 1, 1, 16, 16) and 0 <= again[0].min() <= again[0].max() <= 1
    assert (again[0] == again[1]).all() and told == [1, 1]
    mean = public.mean(axis=0)[None]
    assert similarity(again[0][0], one.x) > similarity(mean, one.x)  # nearer than what was known


def test_a_round_is_searched_for_each_outline_and_without_public_images_there_is_no_tail(phantoms):
    data, public, _ = phantoms
    model, local = dense(), LocalConfig(epochs=1, batch_size=8, learning_rate=0.005)
    effort = Effort(Search(1, 1), dummies=2, hops=1)
    found = from_round(model, data, local, effort=effort, rng=np.random.default_rng(1), public=public)
    assert found.guesses["tail"].shape == (2, 1, 16, 16)
    assert found.guesses["analytic"].shape == (8, 1, 16, 16)
    assert "tail" not in from_round(model, data, local, effort=effort, rng=np.random.default_rng(1)).guesses
    assert "tail" not in from_steps(model, data, tau=0.9, effort=effort, rng=np.random.default_rng(1))


def test_the_prior_knows_where_public_images_differ():
    public = np.zeros((4, 1, 1, 2))
    public[:, 0, 0, 0] = [0.0, 1.0, 0.0, 1.0]
    prior = Prior.of(public)
    assert prior.mean.tolist() == [0.5, 0.0]
    assert prior.metric[0, 0] < prior.metric[1, 1]  # a change of the second pixel is unlikely
    assert prior.metric.diagonal().mean().item() == pytest.approx(1.0)

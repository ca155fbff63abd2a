import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.learning import transfer
from federation.domain.learning.config import LocalConfig
from federation.domain.learning.weights import load_state, state_of
from federation.domain.models.blocks import standardised
from federation.domain.models.registry import build, default_specs

CONFIG = LocalConfig(epochs=2, batch_size=16, learning_rate=0.03)


def site(name: str, n: int, seed: int) -> SiteData:
    """Ill where the first two columns differ in sign; four columns of noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] < 0).astype(np.int64)
    ids = tuple(f"{name}-{i}" for i in range(n))
    return SiteData(name, "classification", ids, x, y, np.arange(n), {}, tuple("abcdef"), LoadReport(n, n))


def images(name: str, n: int) -> SiteData:
    rng = np.random.default_rng(3)
    x, y = rng.random((2 * n, 1, 16, 16), dtype=np.float32), np.zeros((2 * n, 16, 16), dtype=np.uint8)
    y[::3, 4:8, 4:8] = 1
    ids = tuple(f"{name}-{i}" for i in range(n))
    return SiteData(name, "segmentation", ids, x, y, np.arange(2 * n) // 2, {}, ("t1",), LoadReport(n, n))


@pytest.mark.parametrize("place", [0, 1], ids=["quantum", "classical"])
def test_the_encoder_of_a_classifier_is_its_first_layer(place):
    model = build(default_specs("classification", 6)[place], seed=1)
    encoder, x = transfer.encoder_of(model), torch.randn(5, 6)
    layer = model.bottleneck.to_angles if place == 0 else model.bottleneck.hidden
    assert torch.equal(encoder(x), torch.tanh(layer(x))) and encoder.n_features == layer.out_features
    assert {p.shape for p in encoder.parameters()} == {layer.weight.shape, layer.bias.shape}


VOLUMES = {"kind": "unet3d", "inputs": 1, "channels": [8, 16, 32], "standardise": True}
POOLED = {"kind": "unet", "inputs": 1, "channels": [8, 16, 24], "hidden": 4, "outputs": 4}


@pytest.mark.parametrize("spec", [*default_specs("segmentation", 1), POOLED], ids=["hybrid", "plain", "pooled"])
def test_the_encoder_of_a_unet_is_its_way_down(spec):
    model = build(spec, seed=1)
    encoder, data = transfer.encoder_of(model), images("a", 2)
    features = transfer.encoded(encoder, data)
    assert features.x.shape == (4, spec["channels"][-1]) and features.patient_index.tolist() == [0, 0, 1, 1]
    x = torch.from_numpy(data.x)
    expected = model.encode(standardised(x) if spec.get("standardise") else x)[-1].mean(dim=(2, 3)).detach().numpy()
    np.testing.assert_allclose(features.x, expected, atol=1e-6)
    ways = (model.down1, model.down2, model.bottom) if spec is POOLED else model.downs
    down = sum(p.numel() for part in ways for p in part.parameters())
    assert sum(p.numel() for p in encoder.parameters()) == down  # neither core nor decoder travels


def test_a_transferred_model_says_what_its_head_says_of_the_features():
    encoder, data = transfer.encoder_of(build(default_specs("classification", 6)[1])), site("a", 7, 0)
    for kind in transfer.HEADS:
        head = transfer.new_head(kind, encoder.n_features, seed=4)
        whole = transfer.Transferred(encoder, head)
        np.testing.assert_allclose(
            transfer.scores(whole, data), transfer.scores(head, transfer.encoded(encoder, data)), atol=1e-6
        )
        assert whole.represent(torch.from_numpy(data.x)).shape == (7, 4)
        assert (whole.facts()["quantum"] is None) == (kind == "classical")
        again = build(whole.spec, seed=9)  # the kind is registered, so its weights can be stored, served and audited
        load_state(again, state_of(whole))
        np.testing.assert_array_equal(transfer.scores(again, data), transfer.scores(whole, data))


def test_tuning_changes_the_copy_and_never_the_source():
    source = build(default_specs("classification", 6)[1], seed=1)
    before = state_of(source)
    encoder = transfer.encoder_of(source)
    model = transfer.Transferred(encoder, transfer.new_head("quantum", encoder.n_features, seed=0))
    start = state_of(model)
    found = transfer.train_federated(model, [site("a", 60, 1)], [site("a", 60, 2)], CONFIG, rounds=12, seed=0)
    assert found.best_round > 0
    assert any((state_of(found.model)[name] != start[name]).any() for name in start if name.startswith("encoder"))
    for name, value in start.items():
        np.testing.assert_array_equal(state_of(model)[name], value)
    for name, value in before.items():
        np.testing.assert_array_equal(state_of(source)[name], value)


def test_a_tuned_image_encoder_learns_in_its_own_weights():
    source = build(default_specs("segmentation", 1)[1], seed=1)
    model = transfer.Transferred(transfer.encoder_of(source), transfer.new_head("quantum", 24, seed=0))
    images_in = torch.from_numpy(images("a", 2).x)
    model.head.head.weight.data.fill_(1.0)
    model(images_in).sum().backward()
    assert model.encoder.downs[0][0].weight.grad is not None and source.downs[0][0].weight.grad is None
    assert not any("ups" in name or "core" in name for name in state_of(model))
    again = copy.deepcopy(model)
    again.encoder.downs[-1][0].weight.data.zero_()
    assert not torch.equal(again(images_in), model(images_in))  # a copy computes with its own weights


def test_only_the_head_travels_with_a_frozen_encoder():
    encoder = transfer.encoder_of(build(default_specs("segmentation", 1)[1]))
    data = transfer.encoded(encoder, transfer.presence(images("a", 4)))
    head = transfer.new_head("quantum", encoder.n_features, seed=0)
    found = transfer.train_federated(head, [data], [data], CONFIG, rounds=1, seed=0)
    assert found.bytes_per_update == 4 * head.n_parameters == 4 * (25 * 4 + 36 + 5)


def test_a_federation_learns_keeps_its_best_round_and_repeats_itself():
    train, validation = [site("a", 100, 1), site("b", 100, 2)], [site("a", 40, 3), site("b", 0, 4)]
    model = build(default_specs("classification", 6)[0], seed=2)

    def once():
        return transfer.train_federated(model, train, validation, CONFIG, rounds=12, seed=5)

    found = once()
    assert found.losses[found.best_round] == min(found.losses) < found.losses[0] - 0.1
    assert len(found.losses) == 13
    assert once().losses == found.losses
    test = site("c", 200, 9)
    right = ((transfer.scores(found.model, test) > 0) == test.y).mean()
    assert right > 0.8


def test_a_schedule_follows_the_rounds():
    # Of two rounds along half a cosine, the first has the whole rate and the second half of it.
    data, model = [site("a", 30, 1)], build(default_specs("classification", 6)[1], seed=2)
    cosine = replace(CONFIG, schedule="cosine")
    first, second = (transfer.train_federated(model, data, data, cosine, rounds=n, seed=5).losses for n in (1, 2))
    constant = transfer.train_federated(model, data, data, CONFIG, rounds=2, seed=5).losses
    assert first[1] == second[1] == constant[1]
    assert abs(second[2] - second[1]) < abs(constant[2] - constant[1])


def test_slices_become_a_task_of_their_own():
    found = transfer.presence(images("a", 3))
    assert found.task == "classification" and found.y.tolist() == [1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("attempt", "told"),
    [
        (lambda: transfer.new_head("quantun", 4, seed=0), "quantum, classical"),
        (lambda: transfer.presence(site("a", 3, 0)), "expected images"),
        (lambda: transfer.encoder_of(build(VOLUMES)), "classifier or a U-Net"),
        (lambda: _train([], [site("a", 3, 0)], 1), "got 0 sites"),
        (lambda: _train([site("a", 3, 0)], [site("a", 0, 0)], 1), "0 patients"),
        (lambda: _train([site("a", 3, 0)], [site("a", 3, 0)], 0), "0 rounds"),
    ],
)
def test_what_cannot_be_transferred_is_refused(attempt, told):
    with pytest.raises(transfer.TransferError, match=told):
        attempt()


def _train(train, validation, rounds):
    model = build(default_specs("classification", 6)[1])
    return transfer.train_federated(model, train, validation, CONFIG, rounds=rounds, seed=0)

"""What a strategy adds to local training: the proximal term, FedDyn's memory, and weights of patients."""

import numpy as np
import pytest

from federation.domain.data.dataset import LoadReport, SiteData
from federation.domain.learning.config import DPConfig, LocalConfig
from federation.domain.learning.local import train_local
from federation.domain.learning.weights import state_of
from federation.domain.models.registry import build, default_specs
from federation.domain.strategies.base import Pull

CONFIG = LocalConfig(3, 10, 0.05)


def data(n=40):
    rng = np.random.default_rng(3)
    x = rng.random((n, 4)).astype(np.float32)
    y = (x[:, 0] > x[:, 1]).astype(np.int64)
    names = tuple(map(str, range(n)))
    return SiteData("a", "classification", names, x, y, np.arange(n), {}, (), LoadReport(n, n))


def trained(**how):
    model = build(default_specs("classification", 4)[1], seed=1)
    start = state_of(model)
    result = train_local(model, data(), how.pop("config", CONFIG), seed=0, **how)
    moved = {name: result.state[name] - start[name] for name in start}
    return result, moved, sum(float((v**2).sum()) for v in moved.values()) ** 0.5


def test_a_strong_spring_holds_the_weights_near_the_start_and_none_changes_no_bit():
    (plain, _, free), (_, _, held), (none, _, _) = trained(), trained(pull=Pull(10.0)), trained(pull=Pull(0.0))
    assert held < free / 2
    assert all(np.array_equal(plain.state[n], none.state[n]) for n in plain.state) and plain.own == {}


def test_a_site_remembers_what_it_pulled_and_feels_it_in_its_next_round():
    result, moved, _ = trained(pull=Pull(0.5, remembers=True))
    assert all(np.allclose(result.own[n], -0.5 * moved[n], atol=1e-6) for n in moved)
    again, later, _ = trained(pull=Pull(0.5, remembers=True), own=result.own)
    assert any(not np.allclose(later[n], moved[n], atol=1e-4) for n in moved)
    assert all(np.allclose(again.own[n], result.own[n] - 0.5 * later[n], atol=1e-6) for n in moved)


def test_weights_of_patients_of_1_change_no_bit_and_a_heavy_group_is_learned():
    plain, _, _ = trained()
    ones, _, _ = trained(patient_weights=np.ones(40))
    assert all(np.allclose(plain.state[n], ones.state[n], atol=1e-7) for n in plain.state)
    sick = data().y == 1
    heavy = np.where(sick, 10.0, 0.1)
    model = build(default_specs("classification", 4)[1], seed=1)
    train_local(model, data(), CONFIG, seed=0, patient_weights=heavy / heavy.mean())
    import torch

    with torch.no_grad():
        assert (model(torch.from_numpy(data().x)) > 0).float().mean() > 0.9  # nearly everybody is called ill


def test_weights_of_patients_exclude_differential_privacy():
    with pytest.raises(ValueError, match="no weights of patients"):
        trained(config=LocalConfig(1, 10, 0.05, dp=DPConfig(1.0, 1.0, 1e-4)), patient_weights=np.ones(40))

import hashlib

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from federation.domain.learning.weights import (
    WeightsError,
    digest,
    from_bytes,
    load_state,
    map_state,
    state_of,
    to_bytes,
)
from federation.domain.models.registry import build, default_specs

SPEC = default_specs("classification", 5)[0]


@pytest.fixture
def state():
    return state_of(build(SPEC, seed=1))


def test_weights_survive_the_journey_as_bytes(state):
    for like in (SPEC, build(SPEC, seed=2), state):
        back = from_bytes(to_bytes(state), like=like)
        assert all(np.array_equal(back[name], state[name]) for name in state)


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_a_loaded_model_answers_like_its_source(task):
    spec = default_specs(task, 3)[0]
    source, copy = build(spec, seed=1), build(spec, seed=2)
    x = torch.rand((2, 3) if task == "classification" else (2, 3, 32, 32))
    load_state(copy, from_bytes(to_bytes(state_of(source)), like=spec))
    assert torch.equal(copy(x), source(x))


@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_a_model_of_mapped_weights_answers_like_its_source(task, tmp_path):
    spec = default_specs(task, 3)[0]
    source, mapped, path = build(spec, seed=1), build(spec, seed=2), tmp_path / "weights"
    path.write_bytes(to_bytes(state_of(source)))
    map_state(mapped, path)
    x = torch.rand((2, 3) if task == "classification" else (2, 3, 32, 32))
    assert torch.equal(mapped(x), source(x))
    for mine, other in zip(mapped.parameters(), source.parameters(), strict=True):
        assert mine.is_contiguous() == other.is_contiguous()  # the order that computes fast is kept


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_damaged_file_is_refused_and_the_model_stays(state, keep, tmp_path):
    path, model = tmp_path / "weights", build(SPEC, seed=1)
    path.write_bytes(to_bytes(state)[:keep])
    with pytest.raises(WeightsError, match="unreadable"):
        map_state(model, path)
    with pytest.raises(WeightsError, match="unreadable"):
        map_state(model, tmp_path / "nothing")
    assert all(np.array_equal(value, state[name]) for name, value in state_of(model).items())


def test_equal_states_give_equal_bytes_whatever_their_order(state):
    backwards = dict(reversed(state.items()))
    assert list(backwards) != list(state)
    assert to_bytes(backwards) == to_bytes(state)
    assert digest(to_bytes(state)) == hashlib.sha256(to_bytes(state)).hexdigest()


def test_a_state_is_a_copy(state):
    model = build(SPEC, seed=1)
    mine = state_of(model)
    load_state(model, {name: value + 1 for name, value in state.items()})
    assert all(np.array_equal(mine[name], state[name]) for name in state)


@pytest.mark.parametrize("data", [b"", b"not safetensors", b"\xff" * 64])
def test_unreadable_bytes_are_refused(data):
    with pytest.raises(WeightsError, match="expected a safetensors file"):
        from_bytes(data, like=SPEC)


@pytest.mark.parametrize("keep", [7, 100, -1])
def test_truncated_bytes_are_refused(state, keep):
    with pytest.raises(WeightsError, match="unreadable bytes"):
        from_bytes(to_bytes(state)[:keep], like=SPEC)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda s: {k: v for k, v in s.items() if k != "head.bias"}, r"missing \['head.bias'\]"),
        (lambda s: {**s, "extra": np.zeros(1, np.float32)}, r"unexpected \['extra'\]"),
        (lambda s: {**s, "head.bias": np.zeros(2, np.float32)}, r"head.bias: expected float32 of shape \(1,\)"),
        (lambda s: {**s, "head.bias": np.zeros(1)}, "got float64"),
        (lambda s: {**s, "head.bias": np.array([np.nan], np.float32)}, "1 of 1 NaN or infinite"),
        (lambda s: {**s, "head.bias": np.array([-np.inf], np.float32)}, "1 of 1 NaN or infinite"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_the_name_at_fault(state, fault, message, tmp_path):
    with pytest.raises(WeightsError, match=message):
        from_bytes(save(fault(state)), like=SPEC)
    model = build(SPEC, seed=1)
    with pytest.raises(WeightsError, match=message):
        load_state(model, fault(state))
    (tmp_path / "weights").write_bytes(save(fault(state)))
    with pytest.raises(WeightsError, match=message):
        map_state(model, tmp_path / "weights")
    assert all(np.array_equal(value, state[name]) for name, value in state_of(model).items())


def test_non_finite_weights_are_never_written(state):
    state["head.bias"][0] = np.inf
    with pytest.raises(WeightsError, match="finite"):
        to_bytes(state)

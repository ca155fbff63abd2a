import numpy as np
import pytest
from safetensors.numpy import load, save

from federation.domain.learning.states import WeightsError, to_bytes
from federation.domain.secure.largest import received, sends_largest, thinned

START = {"a": np.array([[1.0, 2.0]], dtype=np.float32), "b": np.array([3.0, 4.0], dtype=np.float32)}
TRAINED = {"a": np.array([[1.5, -1.0]], dtype=np.float32), "b": np.array([3.0, 6.0], dtype=np.float32)}
THIN = {"masking": False, "keep": 0.5}


def test_the_largest_changes_by_hand():
    data, owed = thinned(START, TRAINED, keep=0.5, owed=None)
    parts = load(data)
    assert (parts["indices"].tolist(), parts["values"].tolist()) == ([1, 3], [-3.0, 2.0])
    assert owed.tolist() == [0.5, 0, 0, 0]
    found = received(data, start=START, security=THIN)
    assert found["a"].tolist() == [[1.0, -1.0]] and found["b"].tolist() == [3.0, 6.0]
    assert found["a"].dtype == np.float32


def test_nothing_is_lost_over_the_rounds_only_late():
    rng, size = np.random.default_rng(5), 40
    start, owed, arrived, trained_by = {"w": np.zeros(size, np.float32)}, None, np.zeros(size), np.zeros(size)
    for _ in range(30):
        change = rng.normal(size=size).astype(np.float32)
        data, owed = thinned(start, {"w": change}, keep=0.1, owed=owed)
        arrived += received(data, start=start, security=THIN)["w"]
        trained_by += change
    assert np.abs(arrived + owed - trained_by).max() < 1e-3
    assert np.abs(owed).max() < 8  # a change that waits grows until it is the largest


def test_a_share_costs_six_bytes_a_number():
    big = {"w": np.random.default_rng(1).normal(size=100_000).astype(np.float32)}
    data, _ = thinned({"w": np.zeros(100_000, np.float32)}, big, keep=0.02, owed=None)
    assert 12_000 <= len(data) < 12_500 < len(to_bytes(big)) / 30


@pytest.mark.parametrize(
    ("indices", "values", "message"),
    [
        ([1, 1], [1, 2], "rising indices under 4"), ([4], [1], "rising indices under 4"),
        ([0], [np.inf], "one finite value an index"), ([0, 1], [1], "one finite value an index"),
    ],
)  # fmt: skip
def test_changes_that_do_not_fit_are_refused(indices, values, message):
    data = save({"indices": np.array(indices, np.uint32), "values": np.array(values, np.float16)})
    with pytest.raises(WeightsError, match=message):
        received(data, start=START, security=THIN)


@pytest.mark.parametrize("data", [b"", b"x" * 99, to_bytes(TRAINED)])
def test_another_file_is_refused(data):
    with pytest.raises(WeightsError, match="largest changes|half precision"):
        received(data, start=START, security=THIN)


def test_whole_weights_are_read_as_ever():
    for security in (None, {"masking": False, "keep": 1.0}, {"masking": True, "keep": 0.1}):
        assert not sends_largest(security)
        assert received(to_bytes(TRAINED), start=START, security=security)["b"].tolist() == [3.0, 6.0]

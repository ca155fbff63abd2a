from __future__ import annotations

import numpy as np
import pytest

from federation.domain.secure.compression import ErrorFeedback
from federation.domain.secure.config import SecurityConfig
from federation.domain.secure.field import Field
from federation.domain.secure.masks import MaskedSum
from federation.domain.secure.update import CountCode, Layout, UpdateCode

KEYS = {site: f"{number:064x}" for number, site in enumerate("abc")}
STATES = {
    "primary": {"w": np.array([[1, 2], [3, 4]], dtype=np.float32)},
    "baseline": {"b": np.array([5], dtype=np.float32)},
}


def config(**changed) -> SecurityConfig:
    return SecurityConfig.recommended(KEYS, **{"most_records": 10, "clip": 1.0, "keep": 1.0, **changed})


def fresh(size: int) -> ErrorFeedback:
    return ErrorFeedback(np.zeros(size, dtype=np.float32))


def test_a_layout_by_hand():
    layout = Layout.of(STATES)
    flat = layout.flatten(STATES)
    assert (layout.size, flat.tolist()) == (5, [5, 1, 2, 3, 4])
    back = layout.unflatten(flat)
    assert {m: {n: v.tolist() for n, v in s.items()} for m, s in back.items()} == {
        "baseline": {"b": [5]}, "primary": {"w": [[1, 2], [3, 4]]},
    }  # fmt: skip


def test_the_sum_gives_the_mean_weighted_by_records():
    code = UpdateCode.of(config(), seed="s", round_number=1, size=2)
    total = MaskedSum(np.zeros(2, dtype=np.uint32), Field(16))
    for n, change in ((10, [0.5, 0.1]), (5, [-0.25, 0.1]), (0, [9.0, 9.0])):
        total.add(code.encode(np.array(change), n, fresh(2), seed=bytes(32)))
    new = code.apply(np.array([1.0, 1.0]), total.reduced(), 15)
    assert np.abs(new - [1 + (0.5 * 10 - 0.25 * 5) / 15, 1.1]).max() < 3e-4


def test_coordinates_that_are_not_sent_stay_and_are_owed():
    code = UpdateCode.of(config(keep=0.5), seed="s", round_number=1, size=8)
    feedback = fresh(8)
    elements = code.encode(np.full(8, 0.5, dtype=np.float32), 10, feedback, seed=bytes(32))
    feedback.settle()
    new = code.apply(np.zeros(8), elements, 10)
    assert sorted(np.flatnonzero(new)) == code.indices.tolist()
    assert np.abs(new + feedback.owed - 0.5).max() < 1e-6  # what arrived and what is owed are the whole update


def test_without_error_feedback_nothing_is_owed():
    code, feedback = UpdateCode.of(config(keep=0.5, error_feedback=False), seed="s", round_number=1, size=4), fresh(4)
    code.encode(np.full(4, 9.0, dtype=np.float32), 10, feedback, seed=bytes(32))
    feedback.settle()
    assert feedback.owed.tolist() == [0] * 4


def test_a_change_beyond_the_clip_is_carried_over():
    code, feedback = UpdateCode.of(config(), seed="s", round_number=1, size=1), fresh(1)
    code.encode(np.array([2.5], dtype=np.float32), 10, feedback, seed=bytes(32))
    feedback.settle()
    assert abs(feedback.owed[0] - 1.5) < 1e-6


def test_more_records_than_frozen_and_updates_that_are_not_finite_are_refused():
    code = UpdateCode.of(config(), seed="s", round_number=1, size=1)
    for change, n in (([0.0], 11), ([np.nan], 1), ([np.inf], 1)):
        with pytest.raises(ValueError, match="expected"):
            code.encode(np.array(change), n, fresh(1), seed=bytes(32))


def test_a_round_without_records_is_refused():
    code = UpdateCode.of(config(), seed="s", round_number=1, size=1)
    with pytest.raises(ValueError, match="records"):
        code.apply(np.zeros(1), np.zeros(1, dtype=np.uint32), 0)


def test_secure_counts_of_whole_patients_are_exact_after_rounding():
    code = CountCode(parties=10, most=5000)
    total = MaskedSum(np.zeros(3, dtype=np.uint32), Field(32))
    for _ in range(10):
        total.add(code.encode([5000, 1, 0.123]))
    found = code.decode(total.reduced())
    assert np.rint(found[:2]).tolist() == [50_000, 10]
    assert abs(found[2] - 1.23) < 1e-4
    with pytest.raises(ValueError, match="up to 5000"):
        code.encode([5001])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"masking": 1}, "masking"),
        ({"threshold": 2}, "threshold from 3"),
        ({"threshold": 4}, "threshold from 3"),
        ({"masking": False, "threshold": 3}, "threshold of 0"),
        ({"keep": 0}, "keep"),
        ({"keep": True}, "keep"),
        ({"clip": float("nan")}, "clip"),
        ({"field_bits": 24}, "12, 16 or 32"),
        ({"min_cell": 1}, "min_cell"),
        ({"signing_keys": {"a": "x"}}, "SHA-256"),
        ({"signing_keys": {"a": "0" * 64, "b": "1" * 64}}, "at least 3 sites"),
    ],
)
def test_configurations_that_cannot_be_are_refused(changed, words):
    raw = {**config().as_dict(), **changed}
    with pytest.raises(ValueError, match=words):
        SecurityConfig.from_dict(raw)


def test_a_configuration_comes_back_and_knows_its_keys():
    assert SecurityConfig.from_dict(config().as_dict()) == config()
    with pytest.raises(ValueError, match="missing"):
        SecurityConfig.from_dict({})


def test_the_keys_are_of_exactly_the_runs_sites():
    config().check_fits(sites=dict.fromkeys("abc"))
    with pytest.raises(ValueError, match="signing key of each"):
        config().check_fits(sites=dict.fromkeys("ab"))

"""Readout mitigation of Z values: by hand, against the full inversion, and at equal shots."""

from __future__ import annotations

import numpy as np
import pytest

from federation.domain.quantum.device_mitigation import calibration_from, mitigated_z, spread, worth
from federation.domain.quantum.mitigation import mitigate_readout, mitigated_expectation

RECORD = {
    "shots": 500, "qubits": [{"false_one": 0.1, "false_zero": 0.2}, {"false_one": 0.05, "false_zero": 0.0}],
}  # fmt: skip
PAIR = calibration_from(RECORD)
Z_OF = np.array([[1.0, 1.0, -1.0, -1.0], [1.0, -1.0, 1.0, -1.0]])


def test_a_calibration_is_what_the_order_froze():
    assert PAIR.matrices.tolist() == [[[0.9, 0.2], [0.1, 0.8]], [[0.95, 0.0], [0.05, 1.0]]] and PAIR.shots == 500


def test_each_z_is_what_the_full_inversion_says():
    truth = np.array([0.5, 0.2, 0.0, 0.3])  # z: 0.4 and 0.0
    misread = np.kron(PAIR.matrices[0], PAIR.matrices[1]) @ truth
    assert mitigated_z((Z_OF @ misread)[None], PAIR) == pytest.approx(np.array([[0.4, 0.0]]))
    other = np.array([0.1, 0.4, 0.3, 0.2])
    assert mitigated_z((Z_OF @ other)[None], PAIR)[0] == pytest.approx(Z_OF @ mitigate_readout(other, PAIR).quasi)


def test_the_spread_is_that_of_shots_and_calibration_drawn_anew():
    # 80 and 20 of 100, with half a one more of each: 60 / 101, and sqrt((1 - 0.594^2) / 100)
    assert spread(np.array([[0.6]]), 100) == pytest.approx(0.08044, abs=1e-5)
    misread = np.kron(PAIR.matrices[0], PAIR.matrices[1]) @ np.array([0.5, 0.2, 0.0, 0.3])
    for wire in range(2):
        one = calibration_from({**RECORD, "qubits": RECORD["qubits"][wire : wire + 1]})
        drawn = mitigated_expectation(
            misread, Z_OF[wire], PAIR, shots=300, rng=np.random.default_rng(1), redraws=4000
        )  # fmt: skip
        found = spread(np.array([[Z_OF[wire] @ misread]]), 300, one)
        assert (drawn.upper - drawn.lower) / (2 * 1.96) == pytest.approx(found, rel=0.05)


def test_what_never_came_up_is_not_taken_for_impossible():
    """20 shots, all 0: an outcome of up to 14 % chance is missed like that once in twenty."""
    none = calibration_from({"shots": 20, "qubits": [{"false_one": 0.0, "false_zero": 0.0}]})
    assert spread(np.array([[1.0]]), 20) > 0.05 < spread(np.array([[1.0]]), 20, none)
    drawn = mitigated_expectation(
        np.array([1.0, 0.0]), Z_OF[0][[0, 2]], none, shots=20, rng=np.random.default_rng(0)
    )  # fmt: skip
    assert drawn.lower < 0.95 and drawn.lower < drawn.value <= drawn.upper


def measured(exact: np.ndarray, shots: int, seed: int) -> np.ndarray:
    """Z values as read with the errors of PAIR."""
    up, down = PAIR.matrices[:, 1, 0], PAIR.matrices[:, 0, 1]
    one = up * (1 + exact) / 2 + (1 - down) * (1 - exact) / 2
    return 1 - 2 * np.random.default_rng(seed).binomial(shots, one) / shots


def test_it_helps_with_many_shots_and_not_with_few_when_the_calibrations_shots_count():
    exact = np.random.default_rng(2).uniform(-0.9, 0.9, (60, 2))
    many = worth(exact, measured(exact, 5000, 3), PAIR, shots=5000)
    assert many.verdict == "helps" and many.shots == 5000 + 1000 // 60 and many.lower > 0
    few = worth(exact, measured(exact, 8, 3), PAIR, shots=8)
    assert few.verdict == "hurts" and few.shots == 8 + 1000 // 60 and few.upper < 0


def test_the_plain_values_are_given_the_calibrations_shots():
    """Without a readout error both are the same values, and the plain ones win by the shots that were spent."""
    exact, none = np.zeros((40, 1)), {"false_one": 0.0, "false_zero": 0.0}
    values = 1 - 2 * np.random.default_rng(5).binomial(100, 0.5, (40, 1)) / 100
    found = worth(exact, values, calibration_from({"shots": 2000, "qubits": [none]}), shots=100)
    assert found.shots == 200 and found.difference == pytest.approx(-np.mean(1 - values**2) * (1 / 100 - 1 / 200))
    free = worth(exact, values, calibration_from({"shots": 0, "qubits": [none]}), shots=100)
    assert free.difference == 0 and free.verdict == "undecided"

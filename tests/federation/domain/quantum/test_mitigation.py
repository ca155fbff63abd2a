import numpy as np
import pennylane as qml
import pytest

from federation.domain.quantum.device_runs import run
from federation.domain.quantum.health import ReadoutCounts, read_counts, readout_circuits
from federation.domain.quantum.mitigation import (
    Calibration,
    MitigationError,
    compared,
    mitigate_readout,
    mitigated_expectation,
    zne_values,
)
from federation.domain.quantum.noise import GateNoise, NoiseModel, Readout

PAIR = Calibration(np.array([[[0.9, 0.2], [0.1, 0.8]], [[0.95, 0.0], [0.05, 1.0]]]))
DEPOLARISING = NoiseModel("depolarising", two_qubit=GateNoise(0.02))


def circuits(count: int) -> list[qml.tape.QuantumScript]:
    rng, out = np.random.default_rng(4), []
    for _ in range(count):
        gates = []
        for layer in rng.uniform(0, np.pi, (2, 2)):
            gates += [qml.RY(layer[0], 0), qml.RY(layer[1], 1), qml.CNOT([0, 1])]
        out.append(qml.tape.QuantumScript(gates, [qml.expval(qml.Z(0) @ qml.Z(1))]))
    return out


def test_a_calibration_is_the_share_of_wrong_readings():
    found = Calibration.from_counts(ReadoutCounts((10, 0), (30, 5), 100))
    assert found.matrices.tolist() == [[[0.9, 0.3], [0.1, 0.7]], [[1.0, 0.05], [0.0, 0.95]]]
    assert found.shots == 100


def test_inversion_gives_back_the_distribution_that_was_misread():
    truth = np.array([0.5, 0.2, 0.0, 0.3])
    misread = np.kron(PAIR.matrices[0], PAIR.matrices[1]) @ truth
    found = mitigate_readout(misread, PAIR)
    assert found.quasi == pytest.approx(truth) and found.negative == pytest.approx(0, abs=1e-12)


def test_what_no_readout_error_can_make_turns_negative_and_is_told():
    found = mitigate_readout(np.array([0.0, 0.0, 1.0, 0.0]), PAIR)  # qubit 1 is never read 0 when it is 1, here always
    assert found.quasi.sum() == pytest.approx(1) and found.negative > 0.1


def test_amplification_is_the_norm_of_the_inverse():
    one = Calibration(np.array([[[0.9, 0.1], [0.1, 0.9]]]))  # inverse [[1.125, -.125], ...]
    assert one.amplification == pytest.approx(1.25)
    three = Calibration(np.repeat(one.matrices, 3, axis=0))
    assert three.amplification == pytest.approx(1.25**3)
    three.require_invertible(1.96)
    with pytest.raises(MitigationError, match=r"at most 1\.9 times, got 2\.0 times"):
        three.require_invertible(1.9)


@pytest.mark.parametrize("error", [0.5, 0.6])
def test_a_qubit_read_at_random_is_not_inverted(error):
    with pytest.raises(MitigationError, match="read at random"):
        mitigate_readout(np.array([0.5, 0.5]), Calibration(np.array([[[1 - error, error], [error, 1 - error]]])))


def test_frequencies_of_other_qubits_are_refused():
    with pytest.raises(MitigationError, match="expected 4 frequencies for 2 qubits"):
        mitigate_readout(np.array([0.5, 0.5]), PAIR)


def test_the_interval_of_a_mitigated_value_covers_and_is_wider_than_that_of_the_plain_one():
    rng, shots, truth = np.random.default_rng(1), 500, np.array([0.8, 0.2])
    matrix = np.array([[0.95, 0.15], [0.05, 0.85]])
    covered, widths = 0, []
    for _ in range(100):
        counts = ReadoutCounts((int(rng.binomial(shots, 0.05)),), (int(rng.binomial(shots, 0.15)),), shots)
        frequencies = rng.multinomial(shots, matrix @ truth) / shots
        found = mitigated_expectation(
            frequencies, np.array([1.0, -1.0]), Calibration.from_counts(counts), shots=shots, rng=rng, redraws=100
        )
        covered += found.lower <= 0.6 <= found.upper
        widths.append(found.upper - found.lower)
    assert covered >= 87  # of 100 at 95 %, three standard errors and a coarse bootstrap
    mean = float(np.array([1, -1]) @ matrix @ truth)
    assert np.mean(widths) > 1.1 * 2 * 1.96 * np.sqrt((1 - mean**2) / shots)


@pytest.mark.parametrize(("shots", "bounded"), [(50, True), (20, False)])
def test_a_redraw_that_cannot_be_inverted_does_not_refuse_what_was_accepted(shots, bounded):
    """Errors of 30 and 40 %: a contrast of 0.3, which few shots of calibration do not tell from 0 in every redraw."""
    calibration = Calibration.from_counts(ReadoutCounts((int(0.3 * shots),), (int(0.4 * shots),), shots))
    frequencies, signs = np.array([0.6, 0.4]), np.array([1.0, -1.0])
    found = mitigated_expectation(
        frequencies, signs, calibration, shots=1000, rng=np.random.default_rng(0), redraws=4000
    )
    assert found.value == pytest.approx((0.2 - 0.1) / 0.3)
    assert found.lower < found.value < found.upper and np.isfinite([found.lower, found.upper]).tolist() == [bounded] * 2


@pytest.mark.parametrize(("shots", "verdict"), [(None, "helps"), (300, "hurts")])
def test_extrapolation_helps_exact_values_and_hurts_few_shots(shots, verdict):
    tapes = circuits(20)
    truth, plain = (
        np.array([float(row[0]) for row in run(device, tapes, shots=drawn, seed=2, noise=noise).values])
        for device, drawn, noise in (("simulator", None, None), ("default.mixed", shots, DEPOLARISING))
    )
    extrapolated = zne_values("default.mixed", tapes, shots=shots, seed=3, noise=DEPOLARISING)
    found = compared(truth, plain, extrapolated, shots=shots)
    assert found.verdict == verdict, found.text
    assert ("report the plain values" in found.text) == (verdict == "hurts")


def test_extrapolation_of_one_scale_is_refused():
    for scales in ((1.0,), (3.0, 3.0), (0.5, 1.0)):
        with pytest.raises(ValueError, match="two or more different scale factors"):
            zne_values("simulator", circuits(1), shots=None, seed=0, scales=scales)


def test_a_comparison_is_paired_over_circuits():
    truth = np.zeros(4)
    found = compared(truth, np.array([0.3, 0.3, 0.3, 0.3]), np.array([0.1, -0.1, 0.1, -0.1]), shots=10)
    assert (found.plain, found.mitigated, found.verdict) == (pytest.approx(0.3), pytest.approx(0.1), "helps")
    assert found.difference == found.lower == pytest.approx(0.08)
    mixed = compared(truth, np.array([0.3, 0.1, 0.3, 0.1]), np.array([0.1, 0.3, 0.1, 0.3]), shots=10)
    assert mixed.verdict == "undecided" and mixed.difference == pytest.approx(0)
    with pytest.raises(ValueError, match="at least two circuits"):
        compared(truth[:1], truth[:1], truth[:1], shots=1)


def test_a_calibration_measured_on_a_device_mitigates_its_readout():
    model = NoiseModel("r", readout=Readout(0.05, 0.15))
    calibration = Calibration.from_counts(
        read_counts(run("default.mixed", readout_circuits(2), shots=20_000, seed=1, noise=model))
    )
    tape = qml.tape.QuantumScript([qml.RY(0.8, 0), qml.CNOT([0, 1])], [qml.probs(wires=[0, 1])])
    truth, misread = (
        run(device, [tape], shots=shots, seed=2, noise=noise).values[0][0]
        for device, shots, noise in (("simulator", None, None), ("default.mixed", 20_000, model))
    )
    mitigated = mitigate_readout(misread, calibration).quasi
    assert np.abs(mitigated - truth).max() < 0.02 < np.abs(misread - truth).max()

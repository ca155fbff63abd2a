import numpy as np
import pytest

from federation.domain.quantum import device_errors as errors
from federation.domain.quantum.health import (
    ReadoutCounts,
    VolumeCircuit,
    judge_readout,
    judge_volume,
    quantum_volume,
    readout_check,
    volume_circuits,
)
from federation.domain.quantum.noise import GateNoise, NoiseModel, Readout

HEAVY = np.array([True, True, False, False])
FACTS = {"device": "aer", "noise": {"name": "n", "sha256": "0"}, "shots": 100}


def after_each_su4(p: float) -> NoiseModel:
    return NoiseModel(f"depolarising {p} a qubit", two_qubit=GateNoise(p), native=("QubitUnitary",))


@pytest.mark.parametrize(
    ("share", "circuits", "verdict"),
    [
        # share -+ 2 sqrt(share (1 - share) / circuits), against 2/3
        (0.80, 100, "PASS"),  # .72 to .88
        (0.70, 100, "INCONCLUSIVE"),  # .608 to .792
        (0.70, 900, "PASS"),  # .669 to .731
        (0.55, 100, "FAIL"),  # .451 to .649
        (0.80, 99, "INCONCLUSIVE"),  # too few for a verdict
        (0.55, 99, "INCONCLUSIVE"),
    ],
)
def test_the_verdict_on_a_volume_comes_from_its_bounds(share, circuits, verdict):
    models = [VolumeCircuit(None, HEAVY)] * circuits
    found = judge_volume(models, [np.array([share, 0, 1 - share, 0])] * circuits, FACTS)
    margin = 2 * np.sqrt(share * (1 - share) / circuits)
    assert (found.check, found.verdict) == ("quantum volume 4", verdict)
    assert (found.value, found.lower, found.upper) == pytest.approx((share, share - margin, share + margin))
    assert ("At least 100 circuits" in found.text) == (circuits < 100)
    assert "noiseless" not in found.text and found.facts == FACTS


def test_ideal_circuits_have_heavy_outcomes_and_a_noiseless_pass_says_that_it_is_vacuous():
    found = quantum_volume("simulator", volume=16, circuits=100, seed=3)
    assert found.verdict == "PASS" and 0.8 < found.value < 0.9
    assert "nothing is said about any hardware" in found.text
    assert (found.facts["circuits"], found.facts["circuit_seed"]) == (100, 3)


def test_half_of_the_outcomes_are_heavy():
    for model in volume_circuits(3, 4, seed=1):
        assert model.heavy.sum() == 4
        assert [len(gate.wires) for gate in model.tape.operations] == [2, 2, 2]


@pytest.mark.parametrize(("p", "verdict"), [(0.01, "PASS"), (0.3, "FAIL")])
def test_a_known_noise_level_passes_and_another_fails(p, verdict):
    found = quantum_volume("default.mixed", volume=16, seed=1, noise=after_each_su4(p))
    assert found.verdict == verdict, found.text
    assert found.facts["noise"]["sha256"] == after_each_su4(p).digest


def test_aer_samples_the_volume_that_the_density_matrix_computes():
    exact, sampled = (
        quantum_volume(device, volume=4, circuits=5, shots=shots, seed=2, noise=after_each_su4(0.05)).value
        for device, shots in (("default.mixed", None), ("aer", 4000))
    )
    assert abs(exact - sampled) < 4.5 * 0.5 / np.sqrt(5 * 4000)


@pytest.mark.parametrize("volume", [0, 2, 48, 128, -4])
def test_a_volume_out_of_range_is_refused(volume):
    with pytest.raises(ValueError, match="expected"):
        quantum_volume("simulator", volume=volume, seed=0)


@pytest.mark.parametrize(
    ("wrong", "verdict"), [(10, "PASS"), (50, "INCONCLUSIVE"), (90, "FAIL")]
)  # of 1000 shots, at most 5 %
def test_the_verdict_on_readout_is_that_of_the_worst_qubit(wrong, verdict):
    found = judge_readout(ReadoutCounts((0, 1), (wrong, 2), 1000), FACTS, most=0.05)
    assert (found.verdict, found.value) == (verdict, wrong / 1000)
    assert found.lower < found.value < found.upper


def test_readout_errors_are_found_in_the_right_direction():
    model = NoiseModel("r", readout=Readout(0.02, 0.10))
    found = readout_check("aer", 3, shots=4000, seed=1, noise=model)
    assert found.verdict == "FAIL" and found.lower < 0.10 < found.upper
    mild = readout_check("default.mixed", 3, shots=4000, seed=1, noise=NoiseModel("r", readout=Readout(0.02, 0.01)))
    assert mild.verdict == "PASS"


def test_readout_cannot_be_tested_without_shots():
    with pytest.raises(errors.ShotsRefused):
        readout_check("aer", 2, shots=0, seed=1)

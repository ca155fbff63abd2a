import math

import numpy as np
import pennylane as qml
import pytest
import torch

from federation.domain.quantum.circuits import CircuitShape, qnode
from federation.domain.quantum.device_runs import run
from federation.domain.quantum.noise import (
    NATIVE,
    TWO_QUBIT,
    GateNoise,
    NoiseModel,
    Readout,
    in_native_gates,
    noisy_qnode,
)

FULL = NoiseModel(
    "all kinds", GateNoise(0.01, 0.03, 0.05), GateNoise(0.02, 0.02, 0.04), {"RZ": GateNoise()}, Readout(0.03, 0.08)
)


def exact(operations, measurement, model) -> float:
    tape = qml.tape.QuantumScript(operations, [measurement])
    return float(run("default.mixed", [tape], shots=None, seed=0, noise=model).values[0][0])


@pytest.mark.parametrize(
    ("operations", "observable", "model", "expected"),
    [
        ([qml.RX(math.pi, 0)], qml.Z(0), NoiseModel("d", GateNoise(depolarising=0.3)), -(1 - 4 * 0.3 / 3)),
        ([qml.RX(math.pi, 0)], qml.Z(0), NoiseModel("a", GateNoise(amplitude_damping=0.2)), -1 + 2 * 0.2),
        ([qml.RY(math.pi / 2, 0)], qml.X(0), NoiseModel("p", GateNoise(dephasing=0.36)), 0.8),
        ([qml.RZ(1.0, 0)], qml.Z(0), NoiseModel("r", readout=Readout(0.1, 0.3)), 1 - 2 * 0.1),
        ([qml.RX(math.pi, 0)], qml.Z(0), NoiseModel("r", readout=Readout(0.1, 0.3)), -(1 - 2 * 0.3)),
        # both wires of a two-qubit gate are struck, and both readings err
        (
            [qml.CNOT([0, 1])],
            qml.Z(0) @ qml.Z(1),
            NoiseModel("t", GateNoise(), GateNoise(depolarising=0.3), readout=Readout(0.1, 0.1)),
            (0.6 * 0.8) ** 2,
        ),
        # a gate of its own noise, here none
        ([qml.RX(math.pi, 0)], qml.Z(0), NoiseModel("o", GateNoise(0.3), gates={"RX": GateNoise()}), -1.0),
    ],
)
def test_each_error_does_what_its_formula_says(operations, observable, model, expected):
    assert exact(operations, qml.expval(observable), model) == pytest.approx(expected)


def test_noise_strikes_native_gates_also_those_that_turn_the_measurement():
    tape = qml.tape.QuantumScript([qml.Rot(0.1, 0.2, 0.3, 0)], [qml.expval(qml.X(0))])
    assert [gate.name for gate in in_native_gates(tape).operations] == ["RZ", "RY", "RZ", "RY"]
    turned = NoiseModel("d", GateNoise(), gates={"RY": GateNoise(depolarising=0.3)})
    # RY(pi/2) prepares X = 1; the rotation that measures X is struck too
    assert exact([qml.RY(math.pi / 2, 0)], qml.expval(qml.X(0)), turned) == pytest.approx((1 - 4 * 0.3 / 3) ** 2)


def test_damping_and_dephasing_follow_from_the_times_of_a_qubit():
    half = GateNoise.from_times(math.log(2) * 50, 50, 100)
    assert (half.amplitude_damping, half.dephasing) == (pytest.approx(0.5), 0)  # T2 = 2 T1: damping alone
    short = GateNoise.from_times(10, 50, 50)
    coherence = math.sqrt((1 - short.amplitude_damping) * (1 - short.dephasing))
    assert coherence == pytest.approx(math.exp(-10 / 50))
    for times in ((10, 50, 101), (-1, 50, 50), (10, 0, 50), (10, 50, math.nan)):
        with pytest.raises(ValueError, match="T2 at most 2 T1"):
            GateNoise.from_times(*times)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, True, "0.1"])
def test_what_is_no_probability_is_refused(value):
    for make in (lambda: GateNoise(depolarising=value), lambda: Readout(value)):
        with pytest.raises(ValueError, match="expected .* to be a probability"):
            make()


def test_a_model_travels_as_json_and_its_digest_tells_numbers_not_names():
    assert NoiseModel.from_dict(FULL.as_dict()) == FULL
    renamed = NoiseModel.from_dict({**FULL.as_dict(), "name": "other"})
    louder = NoiseModel.from_dict({**FULL.as_dict(), "readout": {"one_if_zero": 0.03, "zero_if_one": 0.09}})
    assert renamed.digest == FULL.digest != louder.digest and len(FULL.digest) == 64
    wrong = [{"format": 2}, {"native": []}, {"gates": {"H": {}}}, {"readout": {"x": 1}}, {"gates": 3}]
    for change in wrong:
        with pytest.raises(ValueError, match="expected"):
            NoiseModel.from_dict({**FULL.as_dict(), **change})


def test_the_readout_errors_are_those_that_pennylane_adds_to_a_measurement():
    def flips(measurement, **_):
        for wire in measurement.wires:
            qml.BitFlip(0.1, wires=wire)

    theirs = qml.NoiseModel({}, {qml.noise.meas_eq(qml.expval): flips})
    tape = qml.tape.QuantumScript([qml.RX(0.7, 0), qml.CNOT([0, 1])], [qml.expval(qml.Z(0) @ qml.Z(1))])
    tapes, join = qml.noise.add_noise(tape, theirs)
    expected = float(join(qml.execute(tapes, qml.device("default.mixed", wires=2), diff_method=None)))
    ours = exact(tape.operations, tape.measurements[0], NoiseModel("r", readout=Readout(0.1, 0.1)))
    assert ours == pytest.approx(expected)


@pytest.mark.parametrize("seed", [1, 2])
def test_aer_and_the_density_matrix_agree_within_shot_error(seed):
    source = np.random.default_rng(seed)
    shots, gates = 40_000, []
    for _ in range(3):
        gates += [qml.Rot(*source.uniform(0, 6, 3), wires=wire) for wire in range(3)]
        gates += [qml.CNOT([0, 1]), qml.CNOT([1, 2])]
    tape = qml.tape.QuantumScript(gates, [qml.probs(wires=range(3))])
    (truth,), (found,) = (
        run(device, [tape], shots=shown, seed=seed, noise=FULL).values[0]
        for device, shown in (("default.mixed", None), ("aer", shots))
    )
    (ideal,) = run("simulator", [tape], shots=None, seed=seed).values[0]
    error = np.sqrt(truth * (1 - truth) / shots)
    assert (np.abs(found - truth) < 4.5 * error).all()
    assert (np.abs(ideal - truth) > 4.5 * error).any()  # the noise is seen at all


@pytest.mark.parametrize("free", NATIVE)
def test_aer_runs_a_gate_without_error_as_it_is(free):
    """Aer would write it out in gates that have errors."""
    model = NoiseModel("one free", one_qubit=GateNoise(0.05), two_qubit=GateNoise(0.05), gates={free: GateNoise()})
    gates = [getattr(qml, free)(wires=[0, 1]) for _ in range(4)] if free in TWO_QUBIT else []
    gates = gates or [getattr(qml, free)(0.05, wires=0) for _ in range(4)]
    tape = qml.tape.QuantumScript(gates, [qml.probs(wires=range(2))])
    (truth,), (found,) = (
        run(device, [tape], shots=shown, seed=1, noise=model).values[0]
        for device, shown in (("default.mixed", None), ("aer", 20_000))
    )
    assert found == pytest.approx(truth, abs=0.015)


def test_a_circuit_can_be_trained_under_noise():
    shape = CircuitShape(2, 1)
    weights = torch.full(shape.weight_shape, 0.4, dtype=torch.float64, requires_grad=True)
    angles = torch.tensor([[0.3, 0.5], [0.1, -0.2]], dtype=torch.float64)
    device = qml.device("default.mixed", wires=2)
    node = noisy_qnode(qnode(shape, device=device, diff_method="backprop"), FULL)
    (slope,) = torch.autograd.grad(torch.stack(node(angles, weights), 1).sum(), weights)
    step = torch.zeros_like(weights)
    step[0, 1, 1] = 1e-5

    def total(shifted):
        return float(torch.stack(node(angles, shifted), 1).sum())

    by_hand = (total(weights.detach() + step) - total(weights.detach() - step)) / 2e-5
    assert float(slope[0, 1, 1]) == pytest.approx(by_hand, abs=1e-7) and abs(by_hand) > 1e-3

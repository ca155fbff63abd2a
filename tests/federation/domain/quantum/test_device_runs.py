import math

import numpy as np
import pennylane as qml
import pytest

from federation.domain.quantum import device_errors as errors
from federation.domain.quantum import devices
from federation.domain.quantum.device_runs import run
from federation.domain.quantum.noise import GateNoise, NoiseModel

SHOTS = 20_000


def tape(angle: float = 0.7, *, wires=(0, 1)) -> qml.tape.QuantumScript:
    first, second = wires
    gates = [qml.RX(angle, first), qml.Hadamard(second), qml.CNOT([second, first])]
    return qml.tape.QuantumScript(gates, [qml.expval(qml.Z(first)), qml.probs(wires=[second])])


@pytest.mark.parametrize("device", ["simulator", "lightning.qubit", "default.mixed"])
def test_exact_devices_answer_alike(device):
    values = run(device, [tape(), tape(0.0)], shots=None, seed=1).values
    assert float(values[0][0]) == pytest.approx(0, abs=1e-12)
    assert values[1][1] == pytest.approx([0.5, 0.5])
    assert len(values) == 2 and all(len(row) == 2 for row in values)


@pytest.mark.parametrize("device", ["simulator", "lightning.qubit", "default.mixed", "aer"])
def test_shots_scatter_about_the_exact_value_and_a_seed_repeats_them(device):
    one = qml.tape.QuantumScript([qml.RX(0.7, 0)], [qml.expval(qml.Z(0))])
    first, again, other = (
        [float(row[0]) for row in run(device, [one, one], shots=SHOTS, seed=seed).values] for seed in (3, 3, 4)
    )
    assert first == again != other
    assert first[0] != first[1]  # each tape has a stream of its own
    error = math.sin(0.7) / math.sqrt(SHOTS)
    assert max(abs(value - math.cos(0.7)) for value in (*first, *other)) < 4.5 * error


def test_aer_takes_templates_other_wires_and_observables_that_do_not_commute():
    gates = [qml.StronglyEntanglingLayers(np.full((2, 2, 3), 0.4), wires=["b", "a"])]
    many = qml.tape.QuantumScript(
        gates, [qml.expval(qml.X("a")), qml.expval(qml.Z("a") @ qml.Y("b")), qml.expval(qml.Z("b"))]
    )
    truth = np.array(run("simulator", [many], shots=None, seed=0).values[0])
    outcome = run("aer", [many], shots=SHOTS, seed=5)
    assert np.abs(np.array(outcome.values[0]) - truth).max() < 4.5 / math.sqrt(SHOTS)
    assert outcome.facts["circuits"] >= 2


def test_every_number_says_how_it_was_made():
    model = NoiseModel("mild", GateNoise(0.01))
    facts = run("aer", [tape()], shots=100, seed=9, noise=model).facts
    assert (facts["device"], facts["shots"], facts["seed"], facts["n_qubits"]) == ("aer", 100, 9, 2)
    assert "qiskit-aer" in facts["backend"] and facts["noise"] == {"name": "mild", "sha256": model.digest}
    assert facts["depth"] == 4  # H is three rotations, then the CNOT
    exact = run("simulator", [tape()], shots=None, seed=9).facts
    assert (exact["shots"], exact["seed"], exact["noise"], exact["depth"]) == (None, None, None, 4)


@pytest.mark.parametrize(
    ("device", "tapes", "how", "error", "message"),
    [
        ("ibm", [tape()], {"shots": 10}, errors.UnsupportedOption, "Submit it as a job of its provider"),
        ("simulator", [], {}, errors.UnusableCircuit, "at least one circuit"),
        ("simulator", [tape(math.nan)], {}, errors.UnusableCircuit, "finite angles, got NaN"),
        ("aer", [tape()], {}, errors.ShotsRefused, "can only sample"),
        ("simulator", [tape()], {"noise": NoiseModel("n")}, errors.UnsupportedOption, "no noise model"),
        (
            "default.mixed",
            [qml.tape.QuantumScript([qml.RX(0.1, wire) for wire in range(13)], [qml.expval(qml.Z(0))])],
            {},
            errors.TooManyQubits,
            "1 to 12 qubits, got 13",
        ),
        (
            "lightning.qubit",
            [qml.tape.QuantumScript([qml.DepolarizingChannel(0.1, 0)], [qml.expval(qml.Z(0))])],
            {},
            errors.UnusableCircuit,
            "DepolarizingChannel",
        ),
    ],
)
def test_what_cannot_be_run_is_refused_with_a_remedy(device, tapes, how, error, message):
    with pytest.raises(error, match=message):
        run(device, tapes, **{"shots": None, "seed": 0, **how})


def test_shots_that_the_memory_does_not_hold_are_refused_before_they_are_drawn(monkeypatch):
    monkeypatch.setattr(devices, "free_memory", lambda: 2**30)
    run("simulator", [tape()], shots=1000, seed=0)
    monkeypatch.setattr(devices, "free_memory", lambda: 2**29)
    with pytest.raises(errors.TooManyQubits, match="2 qubits and 10,000,000 shots"):
        run("simulator", [tape()], shots=10_000_000, seed=0)


def test_without_the_extra_aer_is_refused_before_anything_is_imported(monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if "qiskit" in name else real(name))
    with pytest.raises(errors.ExtraNotInstalled, match="pennylane_qiskit, qiskit_aer"):
        run("aer", [tape()], shots=10, seed=0)

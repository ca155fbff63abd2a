"""How a figure was made: counted by hand, and read from a site without trust."""

from __future__ import annotations

import pytest

from federation.domain.quantum.device_facts import of_programs, read
from federation.domain.quantum.device_runs import run
from federation.domain.quantum.noise_choice import PRESETS
from federation.domain.quantum.providers.program import Gate, Program

# Depth by hand: rx 0 | cx 0 1 | ry 1, rz 0 | cx 1 2
LONG = Program(
    3, (Gate("rx", (0,), 0.1), Gate("cx", (0, 1)), Gate("ry", (1,), 0.2), Gate("rz", (0,), 0.3), Gate("cx", (1, 2)))
)


def test_the_facts_of_a_machine_are_those_of_its_largest_circuit():
    found = of_programs([Program(3, (Gate("rx", (0,), 0.1),)), LONG], device="ibm", machine="ibm_test", shots=100)
    assert found["gates"] == {"CNOT": 2, "RX": 1, "RY": 1, "RZ": 1} and found["depth"] == 4
    assert (found["circuits"], found["n_qubits"], found["shots"], found["seed"]) == (2, 3, 100, None)
    assert found["backend"].startswith("ibm_test (pennylane 0.") and "qiskit" in found["backend"]
    assert read(found) == found


def test_the_facts_of_a_simulator_have_the_same_fields():
    import pennylane as qml

    tape = qml.tape.QuantumScript([qml.RX(0.1, 0), qml.CNOT([0, 1])], [qml.probs(wires=[0, 1])])
    found = run("default.mixed", [tape], shots=10, seed=4, noise=PRESETS["mild"]).facts
    assert read(found) == found and found["gates"] == {"CNOT": 1, "RX": 1} and found["depth"] == 2
    assert found["noise"] == PRESETS["mild"].facts and found["seed"] == 4


@pytest.mark.parametrize(
    "change",
    [{"more": 1}, {"shots": 0}, {"shots": True}, {"depth": -1}, {"seed": "x"}, {"backend": "x" * 201}, {"device": 3},
     {"gates": {"RX": "many"}}, {"gates": [1]}, {"gates": {f"G{i}": 1 for i in range(21)}}, {"noise": "mild"},
     {"noise": {"name": "mild"}}, {"noise": {"name": "mild", "sha256": 3}}],
)  # fmt: skip
def test_what_is_no_facts_is_refused(change):
    good = of_programs([LONG], device="azure", machine="ionq.qpu", shots=100)
    with pytest.raises(ValueError, match="facts"):
        read({**good, **change})
    with pytest.raises(ValueError, match="facts"):
        read({name: value for name, value in good.items() if name != "depth"})

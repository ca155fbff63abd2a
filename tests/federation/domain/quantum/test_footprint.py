"""What a call would take is told before it is taken, tables and hidden batches included."""

import dataclasses

import pytest
import torch
from torch.func import grad, vmap

from federation.domain.quantum import input_checks, simulator
from federation.domain.quantum.building import build
from federation.domain.quantum.circuits import CircuitShape, plan_of
from federation.domain.quantum.errors import TooLarge
from federation.domain.quantum.noise import NoiseModel
from federation.domain.quantum.noisy_simulator import NoisySimulator
from federation.domain.quantum.outline import Outline
from federation.domain.quantum.plan import Angle, Gate, Observable, Plan, Readout
from federation.domain.quantum.simulator import StatevectorSimulator

GIB = 2**30
CPU = torch.device("cpu")


@pytest.fixture
def memory(monkeypatch):
    """Let so many bytes be free, of which every call may use all, and look at any size."""
    monkeypatch.setattr(input_checks, "SMALL", 0)
    monkeypatch.setattr(input_checks, "SHARE_OF_MEMORY", 1.0)
    return lambda size: monkeypatch.setattr(input_checks, "free_memory", lambda: size)


def wide(n: int, layers: int = 2, letter: str = "Z") -> Plan:
    """RX of inputs, then layers of RZ and RY by weights and a ring of CNOT gates, which stay reorderings."""
    gates = [Gate("RX", (wire,), (Angle(inputs=((wire, 1.0),)),)) for wire in range(n)]
    for layer in range(layers):
        for name in ("RZ", "RY"):
            gates += [Gate(name, (wire,), (Angle(weights=((layer, 1.0),)),)) for wire in range(n)]
        gates += [Gate("CNOT", (wire, (wire + 1) % n)) for wire in range(n)]
    words = ["I" * wire + letter + "I" * (n - wire - 1) for wire in range(n)]
    return Plan(n, n, layers, tuple(gates), Readout("expval", tuple(Observable(((1.0, word),)) for word in words)))


def test_tables_that_do_not_fit_are_refused_before_one_is_made(memory, monkeypatch):
    memory(16 * GIB)
    monkeypatch.setattr(simulator, "build", lambda *_, **__: pytest.fail("a table was made"))
    plan = wide(26)
    states = Outline.of(plan).footprint(torch.float32)
    with torch.no_grad():
        assert states.of_pass(1) < 16 * GIB < states.tables
        with pytest.raises(TooLarge, match="26 qubits for 1 samples"):
            StatevectorSimulator(plan)(torch.zeros(1, 26), torch.zeros(2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "plan",
    [
        wide(12), wide(12, letter="Y"), plan_of(CircuitShape(10, 3)), plan_of(CircuitShape(6, 3)),
        plan_of(CircuitShape(10, 2, embedding="amplitude")),
        plan_of(CircuitShape(9, 3, embedding="RZ", ansatz="hardware")),
    ],
)  # fmt: skip
def test_the_estimate_is_that_of_the_tables_that_are_made(plan, dtype):
    outline = Outline.of(plan)
    program = build(outline, dtype=dtype, device=CPU)
    made, told = held(program), outline.footprint(dtype)
    assert 0.9 * made < told.tables < 3 * made and program.footprint == told
    if not program.fused:
        assert told.kept == 4 + len(program.loads) + sum(type(i).__name__ != "PermuteItem" for i in program.items)
    else:
        assert told.kept == 4 + len(program.loads) + len(program.items)


def held(value, seen=None) -> int:
    """Bytes of the tensors in a program, each counted once."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if dataclasses.is_dataclass(value):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    return sum(held(part, seen) for part in value) if isinstance(value, list | tuple) else 0


def test_without_gradients_fewer_states_are_counted(memory):
    shape, batch = CircuitShape(7, 3), 50
    model, numbers = StatevectorSimulator(shape), (torch.zeros(batch, 7), torch.zeros(shape.weight_shape))
    footprint = Outline.of(model.plan).footprint(torch.float32)
    assert footprint.answering == 5 < footprint.kept  # the re-uploaded diagonal is one more
    memory(footprint.tables + footprint.matrices + 6 * footprint.state * batch)
    with torch.inference_mode():
        assert model(*numbers).shape == (batch, 7)
    with pytest.raises(TooLarge):
        model(*numbers)


MODELS = [StatevectorSimulator(CircuitShape(7, 2)), NoisySimulator(CircuitShape(4, 2), NoiseModel("none"))]


@pytest.mark.parametrize("model", MODELS, ids=["pure", "noisy"])
def test_gradients_by_sample_are_counted_for_all_samples_at_once(model, memory):
    memory(2**28)
    n, shape = (7, (2, 7, 3)) if isinstance(model, StatevectorSimulator) else (4, (2, 4, 3))
    many = torch.zeros(1, 1).expand(100_000, n)
    by_row = vmap(grad(lambda w, row: model(row[None], w).sum()), in_dims=(None, 0))
    assert by_row(torch.zeros(shape), many[:20]).shape == (20, *shape)
    with pytest.raises(TooLarge, match="for 100000 samples"):
        by_row(torch.zeros(shape), many)


def test_the_tables_of_a_noisy_circuit_count_until_they_are_made(memory):
    shape = CircuitShape(5, 2)
    model, numbers = NoisySimulator(shape, NoiseModel("none")), (torch.zeros(1, 5), torch.zeros(shape.weight_shape))
    state = 4**5 * 4
    with torch.no_grad():
        memory(5 * state)
        with pytest.raises(TooLarge):
            model(*numbers)
        memory(80 * state)  # ten different CNOT gates, 28 bytes for each word, and the states
        model(*numbers)
        memory(5 * state)
        assert model(*numbers).shape == (1, 5)

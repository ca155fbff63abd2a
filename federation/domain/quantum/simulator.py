"""A batched state-vector executor in plain PyTorch: it runs a `Plan`, whichever circuit that is.

The plan is compiled once for each precision and device (`program`) and then run for whole batches (`adjoint`):

* What untouched wires begin with is a product state, computed wire by wire without any gate.
* Every gate is a real rotation about Y, a diagonal, or a permutation of amplitudes (`lowering`), and like gates are one
  step. A layer of rotations is two Kronecker halves; a ring of CNOT gates is one reordering of rows.
* Up to 6 qubits everything between two loadings of the inputs is one matrix, and until the first of these matrices the
  states are real numbers.
* The derivative is the circuit run backwards, written by hand. Under `torch.func` (DP-SGD's gradients by sample) and
  for second derivatives autograd takes the plain way instead.

The precision follows the inputs: float64 runs in complex128, everything else in complex64.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from federation.domain.quantum import input_checks as checks
from federation.domain.quantum.adjoint import Adjoint, local_vectors, plain
from federation.domain.quantum.building import build
from federation.domain.quantum.circuits import CircuitShape, plan_of
from federation.domain.quantum.errors import Unsupported, WrongShape, ZeroNorm
from federation.domain.quantum.outline import Outline
from federation.domain.quantum.plan import Plan, Readout
from federation.domain.quantum.program import Program, Table


class StatevectorSimulator(nn.Module):
    """Exact (analytic, noiseless) expectation values or probabilities of a circuit for a batch of inputs.

    It has no parameters and no state: tables are made for the device and the precision of the inputs it is given.

    Parameters
    ----------
    circuit : CircuitShape or Plan
    weight_shape : tuple of int, optional
        Of a plan's weights; flat if absent.
    """

    def __init__(self, circuit: CircuitShape | Plan, weight_shape: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.weight_shape: tuple[int, ...]
        if isinstance(circuit, CircuitShape):
            self.plan, self.weight_shape = plan_of(circuit), circuit.weight_shape
        else:
            flat = (circuit.n_weights,)
            self.plan, self.weight_shape = circuit, flat if weight_shape is None else weight_shape
        checks.require_qubits(self.plan.n_qubits)
        self._programs: dict[tuple[torch.dtype, torch.device], Program] = {}

    def forward(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """What the plan measures.

        Parameters
        ----------
        inputs : Tensor, shape (batch, n_inputs)
            Angles in radians, or amplitudes, float32 or float64.
        weights : Tensor, shape `weight_shape`
            Angles in radians, of the same dtype.

        Returns
        -------
        Tensor, shape (batch, observables) in the range of each observable, or (batch, 2^wires) probabilities

        Raises
        ------
        CircuitError
            If the inputs have another shape, are not finite, or if the states of the batch do not fit into memory.
        """
        if self.plan.readout.kind == "sample":
            raise WrongShape(
                expected="a number of shots", got="none", remedy="Call `samples` for a circuit that returns samples."
            )
        probs = self.plan.readout.kind == "probs"
        out = self._outputs(inputs, weights, 2**self.plan.n_qubits if probs else len(self.plan.readout.observables))
        return self._marginal(out) if probs else out.T

    def _outputs(self, inputs: Tensor, weights: Tensor, width: int) -> Tensor:
        """Expectation values, or probabilities of all wires: (width, batch)."""
        plan = self.plan
        checks.require_shapes(inputs, weights, n_inputs=plan.n_inputs, weight_shape=self.weight_shape)
        dtype = torch.float64 if inputs.dtype == torch.float64 else torch.float32
        inputs, weights = inputs.to(dtype), weights.flatten()
        traced = checks.transformed()
        if not traced:
            checks.require_finite("inputs", inputs)
            checks.require_finite("weights", weights)
        if not len(inputs):
            return checks.no_answers(inputs, weights, width).T
        batch = checks.samples_in(inputs)
        program = self._programs.get((dtype, inputs.device)) or self._made(dtype, inputs.device, batch)
        checks.require_memory(
            program.footprint.of_pass(batch), n_qubits=program.n, batch=batch, device=inputs.device
        )  # fmt: skip
        shared, sample = _angles(program.shared, weights, None), _angles(program.sample, weights, inputs)
        start = self._start(program, inputs, shared, sample)
        execute = plain if traced or not torch.is_grad_enabled() else Adjoint.apply  # the latter keeps states
        return execute(program, start, shared, sample)

    def __getstate__(self) -> dict[str, Any]:
        """A copy makes its own tables: those of a first call under `torch.func` cannot be copied."""
        return {**self.__dict__, "_programs": {}}

    def _made(self, dtype: torch.dtype, device: torch.device, batch: int) -> Program:
        """The program, made unless its tables beside a first pass would not fit."""
        outline = Outline.of(self.plan)
        footprint = outline.footprint(dtype)
        checks.require_memory(
            footprint.tables + footprint.of_pass(batch), n_qubits=self.plan.n_qubits, batch=batch, device=device
        )  # fmt: skip
        with torch.inference_mode(False):  # the tables outlive a first call that only answers
            program = self._programs[dtype, device] = build(outline, dtype=dtype, device=device)
        return program

    def _start(self, program: Program, inputs: Tensor, shared: Tensor, sample: Tensor) -> Tensor:
        """The first states (2^n, batch), or one vector a wire."""
        if self.plan.padding is None:
            return local_vectors(program, shared, sample, len(inputs))
        missing = 2**program.n - inputs.shape[1]
        full = nn.functional.pad(inputs, (0, missing), value=self.plan.padding)
        # By a power of two, which rounds nothing, so that no square in the norm leaves the range of float32.
        largest = full.detach().abs().amax(dim=1, keepdim=True)
        full = full * torch.ldexp(torch.ones_like(largest), -torch.frexp(largest).exponent.clamp(-120, 120))
        norm = full.norm(dim=1, keepdim=True)
        if not checks.transformed() and not bool((norm > 0).all()):
            raise ZeroNorm(
                expected="amplitudes of which one at least is not zero", got="a sample of zeros",
                remedy="Leave the sample out, or pad it with a number other than 0.",
            )  # fmt: skip
        return (full / norm).T

    def _marginal(self, probabilities: Tensor) -> Tensor:
        """Probabilities (2^n, batch) of all wires to (batch, 2^k) of those that are measured."""
        n, wires = self.plan.n_qubits, self.plan.readout.wires
        cube = probabilities.reshape(*[2] * n, probabilities.shape[-1])
        others = [wire for wire in range(n) if wire not in wires]
        return cube.permute(n, *wires, *others).reshape(cube.shape[-1], 2 ** len(wires), 2 ** len(others)).sum(-1)

    def probabilities(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Probability of each outcome of the measured wires (all if expectation values are): (batch, 2^wires)."""
        return self.measuring("probs")(inputs, weights)

    def measuring(self, kind: Literal["probs", "sample"], wires: tuple[int, ...] = ()) -> StatevectorSimulator:
        """The same circuit, measured in another way."""
        wires = wires or self.plan.readout.wires or tuple(range(self.plan.n_qubits))
        return StatevectorSimulator(replace(self.plan, readout=Readout(kind, wires=wires)), self.weight_shape)

    def samples(
        self, inputs: Tensor, weights: Tensor, *, shots: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Measured bits of each shot, uint8 of shape (batch, shots, wires). The same generator gives the same bits."""
        if shots < 1:
            raise WrongShape(expected="one shot at least", got=f"{shots}", remedy="Ask for more shots.")
        with torch.no_grad():
            probabilities = self.probabilities(inputs, weights)
        drawn = torch.multinomial(probabilities, shots, replacement=True, generator=generator)
        bits = probabilities.shape[1].bit_length() - 1
        shifts = torch.arange(bits - 1, -1, -1, device=drawn.device)
        return (drawn[..., None] >> shifts & 1).to(torch.uint8)

    def estimates(
        self, inputs: Tensor, weights: Tensor, *, shots: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Expectation values of observables made of Z, as `shots` measurements would estimate them: no gradient."""
        words = [word for observable in self.plan.readout.observables for _, word in observable.terms]
        if any(letter in "XY" for word in words for letter in word):
            raise Unsupported(expected="observables made of Z", got="X or Y", remedy="Run it on a PennyLane device.")
        bits = self.measuring("probs", tuple(range(self.plan.n_qubits))).samples(
            inputs, weights, shots=shots, generator=generator
        )
        columns = []
        for observable in self.plan.readout.observables:
            total = torch.zeros(len(inputs), dtype=inputs.dtype, device=inputs.device)
            for coefficient, word in observable.terms:
                seen = bits[..., [wire for wire, letter in enumerate(word) if letter == "Z"]]
                total += coefficient * (1 - 2 * (seen.sum(-1) % 2).to(inputs.dtype)).mean(1)
            columns.append(total)
        return torch.stack(columns, 1)


def _angles(table: Table, weights: Tensor, inputs: Tensor | None) -> Tensor:
    shared = torch.addmv(table.offset, table.by_weight, weights.double())
    return shared if inputs is None else torch.addmm(shared[:, None], table.by_input, inputs.double().T)

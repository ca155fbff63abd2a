"""A batched state-vector executor of `circuits.circuit` in plain PyTorch.

The trick is to watch the state between layers in the X basis. There the embedding ``RX(x_0) ... RX(x_n-1)`` is
diagonal: a phase ``exp(-i/2 sum_j x_j z_j)`` on each amplitude, computed once per sample and used by every layer,
because re-uploading loads the same angles again. What is left of a layer (change of basis, rotations, CNOT ring, change
back) is the same for all samples: one shared matrix on few qubits, two Kronecker halves and an index permutation on
more.

Changes of basis use the unnormalised Hadamard matrix of ones and minus ones, exact in every precision; the two
factors 1/sqrt(2) per qubit and layer sit in the rotations. Nothing is done in place and nothing depends on values, so
`torch.func.vmap` and `torch.func.grad` pass through, which DP-SGD needs.

The precision follows the inputs: float32 runs in complex64, float64 in complex128.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from federation.domain.quantum.circuits import CircuitShape

# Up to here one 2^n by 2^n matrix a layer beats two halves (measured: 2.6 against 3.4 ms at 6 qubits, batch 256).
MAX_FUSED_QUBITS = 6


class StatevectorSimulator(nn.Module):
    """Exact (analytic, noiseless) expectation values of the circuit for a batch of inputs."""

    signs: Tensor
    readout: Tensor
    orders: Tensor
    inverses: Tensor
    mixers: Tensor
    left_hadamard: Tensor
    right_hadamard: Tensor

    def __init__(self, shape: CircuitShape) -> None:
        super().__init__()
        self.shape = shape
        n = shape.n_qubits
        orders = torch.stack([_cnot_order(shape, layer) for layer in range(shape.layers)])
        inverses = torch.argsort(orders, dim=1)
        signs = _z_signs(n)
        # Not persistent: they follow from the shape, so they never travel with the weights.
        self.register_buffer("signs", signs, persistent=False)
        # Permuting the last state and then summing with signs is summing with permuted signs.
        self.register_buffer("readout", signs[inverses[-1]], persistent=False)
        if n <= MAX_FUSED_QUBITS:
            mixers = torch.stack([_hadamard(n)[:, inverse] for inverse in inverses])
            self.register_buffer("mixers", mixers[:-1], persistent=False)
        else:
            self.register_buffer("orders", orders, persistent=False)
            self.register_buffer("inverses", inverses, persistent=False)
            self.register_buffer("left_hadamard", _hadamard(n // 2), persistent=False)
            self.register_buffer("right_hadamard", _hadamard(n - n // 2), persistent=False)

    def forward(self, angles: Tensor, weights: Tensor) -> Tensor:
        """Expectation value of Pauli Z on each qubit.

        Parameters
        ----------
        angles : Tensor, shape (batch, n_qubits)
            RX angles in radians, float32 or float64.
        weights : Tensor, shape `shape.weight_shape`
            Euler angles in radians, of the same dtype.

        Returns
        -------
        Tensor, shape (batch, n_qubits), in [-1, 1]

        Raises
        ------
        ValueError
            If the inputs have another shape.
        """
        n = self.shape.n_qubits
        if angles.dim() != 2 or angles.shape[1] != n:
            raise ValueError(f"expected angles of shape (batch, {n}), got {tuple(angles.shape)}")
        if weights.shape != self.shape.weight_shape:
            raise ValueError(f"expected weights of shape {self.shape.weight_shape}, got {tuple(weights.shape)}")
        exponent = angles @ (self.signs.to(angles.dtype).T / 2)
        phase = torch.complex(torch.cos(exponent), -torch.sin(exponent))
        gates = _scaled_rotations(weights)
        run = self._run_fused if n <= MAX_FUSED_QUBITS else self._run_split
        state = run(phase, gates)
        return (state.real**2 + state.imag**2) @ self.readout.to(angles.dtype)

    def _run_fused(self, phase: Tensor, gates: Tensor) -> Tensor:
        rotations = _kronecker(gates)
        layers = self.mixers.to(phase.dtype) @ rotations[:-1]
        state = phase
        for layer in range(self.shape.layers - 1):
            state = (state @ layers[layer].mT) * phase
        return state @ rotations[-1].mT

    def _run_split(self, phase: Tensor, gates: Tensor) -> Tensor:
        half = self.shape.n_qubits // 2
        left, right = _kronecker(gates[:, :half]), _kronecker(gates[:, half:])
        rows, columns = left.shape[-1], right.shape[-1]
        left_hadamard, right_hadamard = self.left_hadamard.to(phase.dtype), self.right_hadamard.to(phase.dtype)
        state = phase
        for layer in range(self.shape.layers):
            if layer > 0:
                flat = _Permute.apply(
                    state.reshape(-1, rows * columns), self.orders[layer - 1], self.inverses[layer - 1]
                )
                mixed = left_hadamard @ (flat.reshape(-1, rows, columns) @ right_hadamard)
                state = mixed.reshape(-1, rows * columns) * phase
            state = left[layer] @ (state.reshape(-1, rows, columns) @ right[layer].mT)
        return state.reshape(-1, rows * columns)


class _Permute(torch.autograd.Function):
    """Reorder the columns; the gradient is the inverse reordering (autograd would scatter-add, which is far slower)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(state: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        return state[:, order]

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        _, order, inverse = inputs
        ctx.save_for_backward(order, inverse)

    @staticmethod
    def backward(ctx, grad):
        order, inverse = ctx.saved_tensors
        return _Permute.apply(grad, inverse, order), None, None


def _scaled_rotations(weights: Tensor) -> Tensor:
    """Rot(w) H / sqrt(2) for each layer and qubit: shape (layers, n, 2, 2), complex.

    Rot = RZ(omega) RY(theta) RZ(phi) = [[a, -conj(b)], [b, conj(a)]]. `torch.polar` would be shorter, but its gradient
    is wrong where the modulus is negative, as cos and sin of a half angle may be.
    """
    phi, theta, omega = weights.unbind(-1)
    cos, sin = torch.cos(theta / 2) / 2, torch.sin(theta / 2) / 2
    plus, minus = (phi + omega) / 2, (phi - omega) / 2
    a = torch.complex(cos * torch.cos(plus), -cos * torch.sin(plus))
    b = torch.complex(sin * torch.cos(minus), -sin * torch.sin(minus))
    top = torch.stack([a - b.conj(), a + b.conj()], -1)
    bottom = torch.stack([b + a.conj(), b - a.conj()], -1)
    return torch.stack([top, bottom], -2)


def _kronecker(gates: Tensor) -> Tensor:
    """Kronecker product over the qubits: (layers, k, 2, 2) to (layers, 2^k, 2^k)."""
    product = gates[:, 0]
    for qubit in range(1, gates.shape[1]):
        size = 2 * product.shape[-1]
        product = (product[:, :, None, :, None] * gates[:, qubit, None, :, None, :]).reshape(-1, size, size)
    return product


def _hadamard(n_qubits: int) -> Tensor:
    """Unnormalised H on each qubit: entries 1 and -1, shape (2^n, 2^n)."""
    matrix = torch.ones(1, 1)
    for _ in range(n_qubits):
        matrix = torch.kron(matrix, torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
    return matrix


def _cnot_order(shape: CircuitShape, layer: int) -> Tensor:
    """`order` such that the state after the layer's CNOTs is ``state[order]`` (wire 0 is the most significant bit)."""
    n = shape.n_qubits
    index = torch.arange(2**n)
    order = index
    for control, target in shape.cnots(layer):
        flipped = index ^ (((index >> (n - 1 - control)) & 1) << (n - 1 - target))
        order = order[flipped]
    return order


def _z_signs(n_qubits: int) -> Tensor:
    """Eigenvalue of Z on each wire for each basis state: shape (2^n, n)."""
    index = torch.arange(2**n_qubits)
    return torch.stack([1.0 - 2.0 * ((index >> (n_qubits - 1 - wire)) & 1) for wire in range(n_qubits)], 1)

"""What happens to a batch of states, forwards and backwards. States are ``(2^n, batch)``; see `program`.

Each function is a handful of torch calls without anything in place, so autograd and `torch.func` pass through all that
stands under "forwards". Backwards, `adjoint` holds the derivative with respect to the conjugate state and takes it back
through one step after another, which are all unitary.
"""

from __future__ import annotations

import torch
from torch import Tensor

# --- forwards --------------------------------------------------------------------------------------------------------


def product(vectors: Tensor, rows: int, columns: int, dtype: torch.dtype) -> Tensor:
    """The product state of one vector a wire, (n, 2, batch) to (rows * columns, batch), in the precision of `dtype`."""
    half = rows.bit_length() - 1
    dtype = dtype.to_complex() if vectors.is_complex() else dtype
    left, right = _outer(vectors[:half])[-1].to(dtype), _outer(vectors[half:])[-1].to(dtype)
    return (left[:, None] * right[None]).reshape(rows * columns, -1)


def _outer(vectors: Tensor) -> list[Tensor]:
    """The products of the first 1, 2, ... vectors; 1 if there is none."""
    if not len(vectors):
        return [vectors.new_ones(1, vectors.shape[-1])]
    found = [vectors[0]]
    for vector in vectors[1:]:
        last = found[-1]
        found.append((last[:, None] * vector[None]).reshape(2 * last.shape[0], -1))
    return found


def rotations(angles: Tensor) -> Tensor:
    """RY of each angle: (...) to (..., 2, 2)."""
    cos, sin = torch.cos(angles / 2), torch.sin(angles / 2)
    return torch.stack([cos, -sin, sin, cos], -1).reshape(*angles.shape, 2, 2)


def kronecker(gates: Tensor) -> Tensor:
    """Kronecker product over the wires: (turns, k, 2, 2) to (turns, 2^k, 2^k)."""
    if not gates.shape[1]:
        return gates.new_ones(gates.shape[0], 1, 1)
    found = gates[:, 0]
    for wire in range(1, gates.shape[1]):
        size = 2 * found.shape[-1]
        found = (found[:, :, None, :, None] * gates[:, wire, None, :, None, :]).reshape(-1, size, size)
    return found


def turn(state: Tensor, matrices: tuple[Tensor, ...]) -> Tensor:
    """Apply a real matrix, or the Kronecker product of two, to complex states seen as twice as many real ones."""
    size, batch = state.shape
    real = torch.view_as_real(state)
    if len(matrices) == 1:
        mixed = matrices[0] @ real.reshape(size, -1)
    else:
        left, right = matrices
        rows, columns = left.shape[-1], right.shape[-1]
        mixed = (left @ real.reshape(rows, -1)).reshape(rows, columns, -1)
        mixed = torch.bmm(right.expand(rows, columns, columns), mixed)
    return torch.view_as_complex(mixed.reshape(size, batch, 2))


class Permuted(torch.autograd.Function):
    """Reorder the rows; the gradient is the inverse reordering (autograd would scatter-add, which is far slower)."""

    generate_vmap_rule = True

    @staticmethod
    def forward(state: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        return state[order]

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        _, order, inverse = inputs
        ctx.save_for_backward(order, inverse)
        ctx.save_for_forward(order, inverse)

    @staticmethod
    def backward(ctx, grad):
        order, inverse = ctx.saved_tensors
        return Permuted.apply(grad, inverse, order), None, None

    @staticmethod
    def jvp(ctx, tangent, *_):
        return Permuted.apply(tangent, *ctx.saved_tensors)


# --- backwards -------------------------------------------------------------------------------------------------------


def product_back(adjoint: Tensor, vectors: Tensor, rows: int, columns: int) -> Tensor:
    """From the adjoint of a product state to that of the wires' vectors."""
    half = rows.bit_length() - 1
    lefts, rights = _outer(vectors[:half]), _outer(vectors[half:])
    cube = adjoint.reshape(rows, columns, -1)
    left = (cube * rights[-1].conj().to(cube.dtype)).sum(1).to(vectors.dtype)
    right = (cube * lefts[-1].conj().to(cube.dtype)[:, None]).sum(0).to(vectors.dtype)
    return torch.stack(_outer_back(left, lefts, vectors[:half]) + _outer_back(right, rights, vectors[half:]))


def _outer_back(adjoint: Tensor, products: list[Tensor], vectors: Tensor) -> list[Tensor]:
    if not len(vectors):
        return []
    found: list[Tensor] = []
    for index in range(len(products) - 1, 0, -1):
        cube = adjoint.reshape(-1, 2, adjoint.shape[-1])
        found.append((cube * products[index - 1].conj()[:, None]).sum(0))
        adjoint = (cube * vectors[index].conj()).sum(1)
    return [adjoint, *reversed(found)]


def turn_back(adjoint: Tensor, after: Tensor, matrices: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """``Re(adjoint after^H)`` summed over the batch, and over the other half if there are two: contracted with the
    generators it is the gradient by the angles.
    """
    size = adjoint.shape[0]
    one, two = (torch.view_as_real(tensor).reshape(size, -1) for tensor in (adjoint, after))
    if len(matrices) == 1:
        return (one @ two.T,)
    rows, columns = (matrix.shape[-1] for matrix in matrices)
    left = one.reshape(rows, -1) @ two.reshape(rows, -1).T
    right = torch.bmm(one.reshape(rows, columns, -1), two.reshape(rows, columns, -1).mT).sum(0)
    return left, right

"""Problems of the form that every solver here takes: the cheapest choice of bits under linear and pairwise costs.

A problem is a QUBO, ``E(x) = constant + sum_i linear_i x_i + sum_(i<j) quadratic_ij x_i x_j`` over bits x, and may say
that its bits stand in *blocks* of which exactly one bit is 1 ("one threshold a group"), or that a given number of bits
is to be 1. `Ising` is the same energy over spins, ``x_i = (1 - z_i) / 2``, the form in which a quantum computer meets
it.

References
----------
.. [1] Lucas, "Ising formulations of many NP problems", Front. Phys. 2, 5 (2014), arXiv:1302.5843.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
MAX_BITS = 64
MAX_STATES = 2**22  # energies of all choices in one array: 32 MiB


class ProblemError(ValueError):
    """A problem that is malformed, or too large for what was asked. The text says what to do."""


@dataclass(frozen=True)
class Extremes:
    """The lowest and the highest energy of any allowed choice."""

    lowest: float
    highest: float

    @property
    def rounding(self) -> float:
        """Differences up to it are none, whatever unit the costs have."""
        return 1e-9 * (self.highest - self.lowest) + 1e-12 * max(abs(self.lowest), abs(self.highest))

    def ratio(self, energy: float) -> float:
        """Approximation ratio: 1 at the optimum, 0 at the worst choice; 1 where all choices cost the same."""
        width = self.highest - self.lowest
        return 1.0 if width <= self.rounding else (self.highest - energy) / width


@dataclass(frozen=True, eq=False)
class Qubo:
    """Minimise `energy` over bits.

    Attributes
    ----------
    linear : ndarray, shape (n,)
    quadratic : ndarray, shape (n, n)
        Zero on and below the diagonal.
    constant : float
    blocks : tuple of int
        Sizes of the one-hot blocks, in the order of the bits, with the sum n; empty: every bit string is allowed.
    ones : int or None
        How many bits are 1 in an allowed string; only without blocks. The costs must hold a penalty that no other
        string is worth: solvers meet the others too, and they are in `spectrum`, but no figure counts them as choices.
    """

    linear: Floats
    quadratic: Floats
    constant: float = 0.0
    blocks: tuple[int, ...] = ()
    ones: int | None = None

    def __post_init__(self) -> None:
        n = self.n_bits
        if self.linear.ndim != 1 or not 1 <= n <= MAX_BITS:
            raise ProblemError(f"expected 1 to {MAX_BITS} bits, got an array of shape {self.linear.shape}")
        if self.quadratic.shape != (n, n) or np.tril(self.quadratic).any():
            raise ProblemError(f"expected pair costs of shape {(n, n)}, zero on and below the diagonal")
        numbers = (self.linear, self.quadratic, self.constant)
        if not all(np.isfinite(value).all() for value in numbers):
            raise ProblemError("expected finite costs, got NaN or infinite ones")
        if self.blocks and (min(self.blocks) < 1 or sum(self.blocks) != n):
            raise ProblemError(f"expected blocks of at least one bit that add up to {n} bits, got {self.blocks}")
        if self.ones is not None and (self.blocks or not 0 <= self.ones <= n):
            raise ProblemError(f"expected 0 to {n} ones and no blocks, got {self.ones} and {self.blocks}")
        self.linear.setflags(write=False)
        self.quadratic.setflags(write=False)

    @classmethod
    def of(
        cls, linear: ArrayLike, quadratic: ArrayLike, constant: float = 0.0, blocks: Sequence[int] = (),
        ones: int | None = None,
    ) -> Qubo:  # fmt: skip
        """From any square matrix of pair costs: ``x' Q x + linear' x + constant``, where x_i² = x_i."""
        matrix = np.array(quadratic, dtype=float)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ProblemError(f"expected a square matrix of pair costs, got shape {matrix.shape}")
        upper = np.triu(matrix, 1) + np.tril(matrix, -1).T
        return cls(np.array(linear, dtype=float) + np.diag(matrix), upper, float(constant), tuple(blocks), ones)

    @property
    def n_bits(self) -> int:
        return len(self.linear)

    @property
    def dims(self) -> tuple[int, ...]:
        """How many choices each independent decision has: a block's size, or 2 for a free bit."""
        return self.blocks or (2,) * self.n_bits

    @property
    def n_states(self) -> int:
        """Length of `spectrum`: strings that keep to the blocks."""
        return math.prod(self.dims)

    @property
    def n_choices(self) -> int:
        """Number of allowed choices."""
        return self.n_states if self.ones is None else math.comb(self.n_bits, self.ones)

    def energy(self, bits: ArrayLike) -> float:
        """Of one bit string of length n, whether or not it keeps to the blocks."""
        x = np.asarray(bits, dtype=float)
        if x.shape != (self.n_bits,) or not np.isin(x, (0, 1)).all():
            raise ProblemError(f"expected {self.n_bits} bits, 0 or 1, got {bits!r}")
        return float(self.constant + self.linear @ x + x @ self.quadratic @ x)

    def allows(self, bits: ArrayLike) -> bool:
        """Whether each block has exactly one 1, and the string as many as it should."""
        x = np.asarray(bits)
        if self.ones is not None:
            return bool(x.sum() == self.ones)
        return not self.blocks or all(x[rows].sum() == 1 for rows in self._rows)

    def bits_of(self, state: int) -> tuple[int, ...]:
        """The bit string of a state, by its index in `spectrum` (the first decision counts most)."""
        chosen = np.unravel_index(state, self.dims)
        if not self.blocks:
            return tuple(int(bit) for bit in chosen)
        return tuple(int(option == k) for k, size in zip(chosen, self.blocks, strict=True) for option in range(size))

    @cached_property
    def spectrum(self) -> Floats:
        """Energy of every string that keeps to the blocks, shape (n_states,).

        Raises
        ------
        ProblemError
            If there are more than `MAX_STATES`.
        """
        if self.n_states > MAX_STATES:
            raise ProblemError(
                f"expected at most {MAX_STATES:,} choices to list, got {self.n_states:,}; leave out variables or "
                "levels, or use annealing, which lists none"
            )
        energies = np.array([self.constant])
        for later, size in enumerate(self.dims):
            field = self.unary(later)[None, :]
            for earlier in range(later):
                field = (field[:, None, :] + self.pair(earlier, later)[None, :, :]).reshape(-1, size)
            energies = (energies[:, None] + field).ravel()
        energies.setflags(write=False)
        return energies

    @cached_property
    def extremes(self) -> Extremes | None:
        """None where there are too many choices to list."""
        if self.n_states > MAX_STATES:
            return None
        choices = self.spectrum[self.allowed]
        return Extremes(float(choices.min()), float(choices.max()))

    @cached_property
    def allowed(self) -> NDArray[np.bool_]:
        """Which states of `spectrum` are allowed choices."""
        if self.ones is None:
            return np.ones(self.n_states, dtype=bool)
        return np.bitwise_count(np.arange(self.n_states)) == self.ones

    def optimal(self, energies: Floats) -> NDArray[np.bool_]:
        """Which energies of allowed choices are the lowest possible, rounding aside (optima may be several)."""
        found = self.extremes
        if found is None:
            raise ProblemError("the optimum of so many choices is not known")
        return energies <= found.lowest + found.rounding

    def unary(self, decision: int) -> Floats:
        """Cost of each choice of one decision by itself, shape (d,)."""
        return self.linear[self._rows[decision]] if self.blocks else np.array([0.0, self.linear[decision]])

    def pair(self, first: int, second: int) -> Floats:
        """Cost of each pair of choices of two decisions, first < second, shape (d_first, d_second)."""
        if self.blocks:
            return self.quadratic[self._rows[first], self._rows[second]]
        return np.array([[0.0, 0.0], [0.0, self.quadratic[first, second]]])

    def penalised(self) -> Qubo:
        """The same problem without blocks, where breaking a block costs more than any choice could save."""
        if not self.blocks:
            return self
        weight = self._penalty()
        linear, quadratic, constant = self.linear.copy(), self.quadratic.copy(), self.constant
        for rows in self._rows:  # weight * (sum of the block - 1)²
            size = rows.stop - rows.start
            linear[rows] -= weight
            quadratic[rows, rows] += 2 * weight * np.triu(np.ones((size, size)), 1)
            constant += weight
        return Qubo(linear, quadratic, constant)

    def ising(self) -> Ising:
        """The same energy over spins, blocks aside."""
        couplings = self.quadratic / 4
        fields = -self.linear / 2 - (couplings + couplings.T).sum(axis=1)
        return Ising(fields, couplings, float(self.constant + self.linear.sum() / 2 + couplings.sum()))

    def _penalty(self) -> float:
        """As small as it may be: a heavy penalty hides the costs that are to be compared."""
        costs = np.concatenate([self.linear, self.quadratic.ravel()])
        known = self.extremes
        if known is None:
            return 1.0 + float(np.abs(costs).sum())
        cheapest = self.constant + float(np.minimum(costs, 0).sum())  # no string costs less, allowed or not
        return known.lowest - cheapest + (known.highest - known.lowest or 1.0)

    @cached_property
    def _rows(self) -> tuple[slice, ...]:
        ends = np.cumsum(self.blocks)
        return tuple(slice(int(end) - size, int(end)) for end, size in zip(ends, self.blocks, strict=True))


@dataclass(frozen=True, eq=False)
class Ising:
    """``E(z) = offset + sum_i fields_i z_i + sum_(i<j) couplings_ij z_i z_j`` over spins z of 1 and -1.

    Spin 1 is bit 0 and spin -1 is bit 1, as Pauli Z reads a qubit.
    """

    fields: Floats
    couplings: Floats
    offset: float = 0.0

    def energy(self, spins: ArrayLike) -> float:
        z = np.asarray(spins, dtype=float)
        if z.shape != self.fields.shape or not np.isin(z, (-1, 1)).all():
            raise ProblemError(f"expected {len(self.fields)} spins, 1 or -1, got {spins!r}")
        return float(self.offset + self.fields @ z + z @ self.couplings @ z)

    def qubo(self, blocks: Sequence[int] = ()) -> Qubo:
        """The same energy over bits."""
        linear = -2 * self.fields - 2 * (self.couplings + self.couplings.T).sum(axis=1)
        constant = self.offset + float(self.fields.sum() + self.couplings.sum())
        return Qubo(linear, 4 * self.couplings, constant, tuple(blocks))

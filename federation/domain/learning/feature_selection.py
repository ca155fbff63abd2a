"""Which columns an encoder should read: those that tell of the label, and do not repeat one another.

Sites bin each column by fixed edges and count pairs: column with label, column with column. The counts add up over
sites, and give the mutual information of each pair [1]_. The choice of `k` columns is a QUBO: minus what each column
tells of the label, plus `redundancy` times what two chosen columns tell of one another, averaged over the pairs.

References
----------
.. [1] Peng, Long and Ding, "Feature selection based on mutual information: max-dependency, max-relevance and
   min-redundancy", IEEE TPAMI 27(8), 2005.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from federation.domain.data.dataset import SiteData
from federation.domain.quantum.solvers.ising import Qubo

Floats = NDArray[np.float64]
EDGES = (0.2, 0.4, 0.6, 0.8)  # of columns that are scaled to about [0, 1]; 0/1 columns fall into the outer bins
MAX_FEATURES = 512
MAX_SCREENED = 16  # columns that a circuit chooses among: one qubit each


class SelectionError(ValueError):
    """Data or a wish that columns cannot be chosen by. The text says what was expected and came."""


@dataclass(frozen=True, eq=False)
class PairCounts:
    """How often two columns fall into two bins, over the patients of one site or of all.

    Attributes
    ----------
    names : columns
    with_label : ndarray of int64, shape (d, bins, 2)
    together : ndarray of int64, shape (d, d, bins, bins)
    """

    names: tuple[str, ...]
    with_label: NDArray[np.int64]
    together: NDArray[np.int64]

    @property
    def n(self) -> int:
        return int(self.with_label[0].sum())

    def __add__(self, other: PairCounts) -> PairCounts:
        if self.names != other.names or self.together.shape != other.together.shape:
            raise SelectionError("expected the same columns and bins at each site")
        return PairCounts(self.names, self.with_label + other.with_label, self.together + other.together)


def pair_counts(data: SiteData, edges: Sequence[float] = EDGES) -> PairCounts:
    """Count one site's rows of a tabular data set; the only thing that leaves it.

    Raises
    ------
    SelectionError
        If the data are images, have too many columns, or hold values that are not finite.
    """
    if data.task != "classification" or data.x.ndim != 2 or not 1 <= data.x.shape[1] <= MAX_FEATURES:
        raise SelectionError(
            f"expected rows of 1 to {MAX_FEATURES} columns with a label, got {data.task} data of shape {data.x.shape}"
        )
    if not np.isfinite(data.x).all():
        raise SelectionError("expected finite values, got NaN or infinite ones; impute or refuse the patients")
    bins = len(edges) + 1
    member = (np.searchsorted(edges, data.x)[:, :, None] == np.arange(bins)).astype(np.float64)  # (n, d, bins)
    label = (data.y[:, None] == np.arange(2)).astype(np.float64)
    d = member.shape[1]
    flat = member.reshape(len(member), d * bins)
    together = (flat.T @ flat).reshape(d, bins, d, bins).transpose(0, 2, 1, 3)
    with_label = (flat.T @ label).reshape(d, bins, 2)
    return PairCounts(data.feature_names, with_label.astype(np.int64), together.astype(np.int64))


def mutual_information(counts: NDArray[np.int64]) -> Floats:
    """In nats, 0 where nothing is told; of tables of counts in the last two axes."""
    total = counts.sum(axis=(-2, -1), keepdims=True)
    p = counts / np.maximum(total, 1)
    independent = p.sum(axis=-1, keepdims=True) * p.sum(axis=-2, keepdims=True)
    ratio = np.divide(p, independent, out=np.ones_like(p), where=p > 0)
    return np.maximum((p * np.log(ratio)).sum(axis=(-2, -1)), 0.0)


def relevance(counts: PairCounts) -> Floats:
    """What each column tells of the label, shape (d,)."""
    return mutual_information(counts.with_label)


def screened(counts: PairCounts, most: int = MAX_SCREENED) -> PairCounts:
    """The columns that tell most of the label, at most so many, in their old order: what a state vector can hold."""
    kept = np.sort(np.argsort(-relevance(counts), kind="stable")[:most])
    return PairCounts(
        tuple(counts.names[i] for i in kept), counts.with_label[kept], counts.together[np.ix_(kept, kept)]
    )


def selection_qubo(counts: PairCounts, k: int, *, redundancy: float = 1.0) -> Qubo:
    """One bit a column, of which exactly `k` are to be 1; other strings are no choices (`Qubo.ones`).

    Solvers that draw from all strings are told so by a penalty, which outweighs whatever breaking it could save.

    Raises
    ------
    SelectionError
        Unless 1 <= k < d, there are patients of both labels, and some column tells of the label.
    """
    d, labels = len(counts.names), counts.with_label[0].sum(axis=0)
    if labels.min() == 0:
        raise SelectionError(
            f"expected patients with and without the label, got {labels[1]} with and {labels[0]} without"
        )
    if not 1 <= k < d:
        raise SelectionError(f"expected to choose from 1 to {d - 1} of {d} columns, got {k}")
    if not relevance(counts).max() > 0:
        raise SelectionError("expected a column that tells of the label, got none: no choice is better than another")
    gain, shared = relevance(counts), redundancy * np.triu(mutual_information(counts.together), 1) / max(k - 1, 1)
    # A column too many saves at most its gain; one too few saves at most what it shares with the k - 1 others.
    penalty = float(max(gain.max(), (k - 1) * shared.max())) + 1e-6
    together = shared + 2 * penalty * np.triu(np.ones((d, d)), 1)
    return Qubo.of(-gain + penalty * (1 - 2 * k), together, penalty * k * k, ones=k)


def chosen(counts: PairCounts, bits: Sequence[int]) -> tuple[str, ...]:
    """The names of the columns whose bit is 1."""
    return tuple(name for name, bit in zip(counts.names, bits, strict=True) if bit)


def top_k(counts: PairCounts, k: int) -> tuple[str, ...]:
    """The `k` columns that tell most of the label, whatever they repeat: the common way."""
    kept = set(np.argsort(-relevance(counts), kind="stable")[:k].tolist())
    return tuple(name for i, name in enumerate(counts.names) if i in kept)

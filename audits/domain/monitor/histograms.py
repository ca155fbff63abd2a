"""Histograms of a model's inputs on one fixed grid: what can be kept of inputs that are not stored.

Inputs are scaled so that 0 to 1 is the usual range (`operating_range`). Twenty equal parts of it, one cell below and
one above: whoever counts, a hospital or the platform, counts into the same cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
PARTS = 20
CELLS = PARTS + 2
MOST_INPUTS = 60  # watched of one model, the first ones, as on a card
GROUPED = 0.1  # of the reference, at least, in each group of cells that is compared


def cells_of(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The cell of each value, 0 below the usual range and `CELLS` - 1 above it.

    Parameters
    ----------
    values : ndarray, any shape, finite
    """
    parts = np.floor(np.clip(np.asarray(values, dtype=np.float64), -1.0, 2.0) * PARTS)
    return np.asarray(np.where(values == 1.0, PARTS, np.clip(parts, -1, PARTS) + 1), dtype=np.uint8)


def counts_of(cells: NDArray[np.uint8]) -> Counts:
    """How many cases lie in each cell of each input.

    Parameters
    ----------
    cells : ndarray, shape (n, d)

    Returns
    -------
    ndarray, shape (d, CELLS)
    """
    inputs = cells.shape[1]
    flat = (cells.astype(np.int64) + CELLS * np.arange(inputs)).ravel()
    return np.bincount(flat, minlength=inputs * CELLS).reshape(inputs, CELLS)


def shareable(counts: Counts, least: int) -> Counts:
    """The histogram of one input with no cell of fewer than `least` cases: such a cell joins its nearest neighbour.

    Nobody is left out, so the sum stays; fewer than `least` cases in all are told as none.

    Parameters
    ----------
    counts : ndarray, shape (CELLS,)
    """
    out = counts.copy()
    if out.sum() < least:
        return np.zeros_like(out)
    while (small := np.flatnonzero((out > 0) & (out < least))).size:
        cell = small[np.argmin(out[small])]
        others = np.flatnonzero(out)
        others = others[others != cell]
        nearest = others[np.argmin(np.abs(others - cell))]
        out[nearest] += out[cell]
        out[cell] = 0
    return out


def stability_index(reference: Sequence[int], now: Sequence[int]) -> float:
    """Population stability index of two histograms over the same cells; 0: equal shares.

    Half a case is added to each cell, so that an empty one has a finite logarithm.
    """
    pairs = zip(_shares(reference), _shares(now), strict=True)
    return sum((b - a) * math.log(b / a) for a, b in pairs)


def grouped(reference: Counts, now: Counts) -> tuple[list[int], list[int]]:
    """Both histograms over groups of neighbouring cells that each hold a tenth of the reference or more.

    What lies below and above everything in the reference are groups of their own.
    """
    seen = np.flatnonzero(reference)
    start, stop = (int(seen[0]), int(seen[-1]) + 1) if seen.size else (0, len(reference))
    ends, least, held = [], GROUPED * reference.sum(), 0
    for cell in range(start, stop):
        held += int(reference[cell])
        if held >= least:
            ends.append(cell + 1)
            held = 0
    ends[-1:] = [stop]  # what is left joins the last group
    edges = sorted({0, start, *ends, len(reference)})
    one, other = (
        [int(counts[low:high].sum()) for low, high in zip(edges, edges[1:], strict=False)]
        for counts in (reference, now)
    )
    return one, other


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) + 0.5 * len(counts)
    return [(count + 0.5) / total for count in counts]

"""What goes wrong with inputs by accident, in three strengths: scanners that differ, patients who move, typing errors.

Images are in [0, 1]; strengths of blur are in shares of the image's width, so that they mean the same at any size.
Rows are scaled as `SiteData.x`. Every corruption keeps the input finite and in its shape; the same generator gives the
same corruption.

References
----------
.. [1] Hendrycks and Dietterich, ICLR 2019, arXiv:1903.12261 (graded corruptions).
.. [2] Gudbjartsson and Patz, Magn Reson Med 34 (1995), 910-914 (noise of magnitude images is Rician).
.. [3] Sudre, Cardoso and Ourselin, Med Image Anal 36 (2017), 224-235 (smooth multiplicative bias fields).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Array = NDArray[np.float32]
SEVERITIES = (1, 2, 3)  # mild, marked, severe
_NOISE = (0.02, 0.05, 0.1)  # standard deviation, of full white
_BLUR = (0.008, 0.016, 0.03)  # standard deviation, of the width
_BIAS = (0.15, 0.3, 0.5)  # largest share by which a place is brighter or darker
_MOVED_LINES = (0.1, 0.2, 0.35)  # share of the lines of k-space recorded after the patient moved
_SHIFT = 0.03  # of the width
_GAMMA = (0.8, 0.6, 0.4)  # or its inverse
_JITTER = (0.02, 0.05, 0.1)  # standard deviation, of a measure's clinical range
_MISSING = (0.1, 0.2, 0.4)  # share of the fields
_SLIPPED = (0.05, 0.1, 0.2)  # share of the patients


def noise(x: Array, severity: int, rng: np.random.Generator) -> Array:
    """Rician noise: the magnitude of a signal with normal noise in both channels of the receiver."""
    sigma = _NOISE[severity - 1]
    real, imaginary = x + sigma * rng.standard_normal(x.shape), sigma * rng.standard_normal(x.shape)
    return _valid(np.hypot(real, imaginary))


def blur(x: Array, severity: int, rng: np.random.Generator) -> Array:
    """Gaussian blur within each slice."""
    width = _BLUR[severity - 1] * x.shape[-1]
    return _valid(gaussian_filter(x.astype(float), sigma=(0, 0, width, width), mode="nearest"))


def bias_field(x: Array, severity: int, rng: np.random.Generator) -> Array:
    """Brightness that drifts over the image: a random polynomial of degree 3 for each slice, all channels alike."""
    height, width = x.shape[-2:]
    v, u = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([u**i * v**j for i in range(4) for j in range(4 - i) if i + j > 0])
    fields = np.tensordot(rng.uniform(-1, 1, (len(x), len(terms))), terms, axes=1)
    fields /= np.abs(fields).max(axis=(1, 2), keepdims=True)
    return _valid(x * (1 + _BIAS[severity - 1] * fields[:, None]))


def motion(x: Array, severity: int, rng: np.random.Generator) -> Array:
    """A patient who moves during the recording: the last lines of k-space belong to a shifted patient.

    A shift is a ramp of phase in k-space; the centre of k-space, which holds most of the image, is recorded last here,
    so what was moved shows as ghosts beside the edges.
    """
    height, width = x.shape[-2:]
    rows = np.fft.fftfreq(height)[:, None]
    columns = np.fft.fftfreq(width)[None, :]
    order = np.argsort(-np.abs(rows[:, 0]), kind="stable")  # from the outside to the centre
    late = order[: round(_MOVED_LINES[severity - 1] * height)]
    space = np.fft.fft2(x)
    direction = rng.choice(np.array([-1.0, 1.0]), size=(len(x), 2)) * _SHIFT * np.array([height, width])
    ramp = np.exp(-2j * np.pi * (direction[:, 0, None, None] * rows + direction[:, 1, None, None] * columns))
    moved = space * ramp[:, None]
    space[..., late, :] = moved[..., late, :]
    return _valid(np.abs(np.fft.ifft2(space)))


def contrast(x: Array, severity: int, rng: np.random.Generator) -> Array:
    """Another gamma for each slice: the range of the image stays, its middle becomes brighter or darker."""
    gamma = np.where(rng.random(len(x)) < 0.5, _GAMMA[severity - 1], 1 / _GAMMA[severity - 1])
    low, high = x.min(axis=(1, 2, 3), keepdims=True), x.max(axis=(1, 2, 3), keepdims=True)
    room = np.where(high > low, high - low, 1.0)
    return _valid(((x - low) / room) ** gamma[:, None, None, None] * room + low)


def _valid(x: NDArray[np.floating]) -> Array:
    return np.clip(x, 0, 1).astype(np.float32)


IMAGE: Mapping[str, Callable[[Array, int, np.random.Generator], Array]] = {
    "noise": noise,
    "blur": blur,
    "bias_field": bias_field,
    "motion": motion,
    "contrast": contrast,
}


@dataclass(frozen=True)
class Field:
    """One thing that is asked of a patient, in one or more columns of the table.

    Attributes
    ----------
    columns : tuple of int
        One column of a measure or a yes/no; one for each code otherwise.
    flag : int or None
        The column that is 1 where the value is missing.
    """

    name: str
    columns: tuple[int, ...]
    flag: int | None


def fields_of(names: Sequence[str]) -> tuple[Field, ...]:
    """Put columns together: ``thal_3``, ``thal_6`` and ``thal_missing`` are one field, ``chol`` and its flag one."""
    columns: dict[str, list[int]] = {}
    flags: dict[str, int] = {}
    for index, name in enumerate(names):
        stem, _, last = name.rpartition("_")
        if stem and last == "missing":
            flags[stem] = index
        else:
            columns.setdefault(stem if stem and last.isdigit() else name, []).append(index)
    return tuple(Field(name, tuple(found), flags.get(name)) for name, found in columns.items())


@dataclass(frozen=True)
class Table:
    """What is known of a table's columns.

    Attributes
    ----------
    names : tuple of str
    typical : ndarray, shape (d,)
        What stands in for a missing value that has no flag: the median of the training patients.
    measured : ndarray of bool, shape (d,)
        Columns that hold measured quantities.
    scales : mapping of column name to (low, high)
        The raw values that 0 and 1 stand for; (0, 1) where not known.
    """

    names: tuple[str, ...]
    typical: NDArray[np.floating]
    measured: NDArray[np.bool_]
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def jitter(x: Array, severity: int, rng: np.random.Generator, table: Table) -> Array:
    """Normal error of measurement on every measured quantity."""
    error = _JITTER[severity - 1] * rng.standard_normal(x.shape)
    return np.where(table.measured, x + error, x).astype(np.float32)


def missing(x: Array, severity: int, rng: np.random.Generator, table: Table) -> Array:
    """Fields that were not filled in: their flag is raised if they have one, else what is typical stands in."""
    out = x.copy()
    for found in fields_of(table.names):
        rows = np.flatnonzero(rng.random(len(x)) < _MISSING[severity - 1])
        coded = found.flag is not None and len(found.columns) > 1
        out[np.ix_(rows, np.array(found.columns))] = 0.0 if coded else table.typical[list(found.columns)]
        if found.flag is not None:
            out[rows, found.flag] = 1.0
    return out.astype(np.float32)


def unit_slip(x: Array, severity: int, rng: np.random.Generator, table: Table) -> Array:
    """Some patients have one measure entered ten times too large or too small (a decimal point, another unit)."""
    out, columns = x.astype(float), np.flatnonzero(table.measured)
    if not len(columns):
        return x
    rows = np.flatnonzero(rng.random(len(x)) < _SLIPPED[severity - 1])
    for row, column, factor in zip(
        rows, rng.choice(columns, len(rows)), rng.choice(np.array([0.1, 10.0]), len(rows)), strict=True
    ):
        low, high = table.scales.get(table.names[column], (0.0, 1.0))
        raw = low + (high - low) * out[row, column]
        out[row, column] = (raw * factor - low) / (high - low)
    return out.astype(np.float32)


TABULAR: Mapping[str, Callable[[Array, int, np.random.Generator, Table], Array]] = {
    "noise": jitter,
    "missing": missing,
    "unit_slip": unit_slip,
}

"""Readout mitigation of an evaluation on a device: expectation values of Z, their spread, and whether it was worth it.

The inversion of the other qubits leaves a qubit's own marginal as it is, so each Z is inverted by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from federation.domain.quantum.mitigation import Calibration, Comparison, Floats, compared_squares


def calibration_from(record: Mapping[str, Any]) -> Calibration:
    """The calibration that an order froze: `qubits` with `false_one` and `false_zero`, and `shots` (0: declared)."""
    up, down = (np.array([float(one[name]) for one in record["qubits"]]) for name in ("false_one", "false_zero"))
    return Calibration(np.moveaxis(np.array([[1 - up, down], [up, 1 - down]]), -1, 0), int(record["shots"]))


def mitigated_z(z: Floats, calibration: Calibration) -> Floats:
    """Means of Pauli Z without the readout error; single ones may leave the range from -1 to 1.

    Parameters
    ----------
    z : ndarray, shape (circuits, n)
    """
    false_one, false_zero = _errors(calibration)
    return (z - (false_zero - false_one)) / (1 - false_one - false_zero)


def spread(z: Floats, shots: int, calibration: Calibration | None = None) -> float:
    """Standard deviation that finite shots give a mean of Z (root mean square over all values).

    Parameters
    ----------
    z : ndarray, shape (circuits, n)
        As measured.
    calibration : Calibration, optional
        Of the mitigated values, to first order; its own shots count too. None for the values as measured.

    Notes
    -----
    What never came up in so many shots may still have a chance: half a count is added to either outcome before its
    variance is taken (Agresti and Coull, "Approximate is better than exact", The American Statistician 52, 1998).
    """
    variance = (1 - (z * shots / (shots + 1)) ** 2) / shots
    if calibration is not None:
        false_one, false_zero = _errors(calibration)
        contrast = 1 - false_one - false_zero
        true, variance = mitigated_z(z, calibration), variance / contrast**2
        if calibration.shots:
            ones, zeros = (_thickened(error, calibration.shots) for error in (false_one, false_zero))
            ones, zeros = ones * (1 - ones), zeros * (1 - zeros)
            variance += ((1 + true) ** 2 * ones + (1 - true) ** 2 * zeros) / (calibration.shots * contrast**2)
    return float(np.sqrt(np.maximum(variance, 0).mean()))


def worth(exact: Floats, measured: Floats, calibration: Calibration, *, shots: int) -> Comparison:
    """Plain against mitigated values at equal shots, paired over circuits.

    The calibration's shots are given to the plain values: what they would take from the shot noise of these is
    taken off. The calibration's own error is common to all circuits and is not in the interval.

    Parameters
    ----------
    exact, measured : ndarray, shape (circuits, n), at least two circuits
    shots : int
        Per circuit, of the measured values.
    """
    equal = shots + 2 * calibration.shots // len(measured)
    saved = (1 - measured**2) * (1 / shots - 1 / equal)
    before = ((measured - exact) ** 2 - saved).mean(axis=1)
    after = ((mitigated_z(measured, calibration) - exact) ** 2).mean(axis=1)
    return compared_squares(before, after, shots=equal)


def _thickened(share: Floats, shots: int) -> Floats:
    return (share * shots + 0.5) / (shots + 1)


def _errors(calibration: Calibration) -> tuple[Floats, Floats]:
    return calibration.matrices[:, 1, 0], calibration.matrices[:, 0, 1]

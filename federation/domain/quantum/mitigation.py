"""Error mitigation, and whether it was worth its shots.

Readout mitigation inverts the calibrated error of each qubit; zero-noise extrapolation [1]_ runs the circuit with its
gates folded and extrapolates to none. Both trade bias for variance: with few shots they lose. So each is compared with
the plain answer at the same total number of shots, calibration and folded circuits included, over many circuits whose
true values are known, and the verdict comes from a paired interval.

References
----------
.. [1] Temme, Bravyi, Gambetta, "Error mitigation for short-depth quantum circuits", Phys. Rev. Lett. 119 (2017).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from federation.domain.quantum.device_runs import run
from federation.domain.quantum.health import ReadoutCounts
from federation.domain.quantum.noise import NATIVE, NoiseModel, in_native_gates

Floats = NDArray[np.float64]
MOST_AMPLIFICATION = 10.0
SCALES = (1.0, 3.0, 5.0)
CONFIDENCE = 0.95


class MitigationError(ValueError):
    """The readout is too bad to be inverted. The message says what was expected, what came and what to do."""


@dataclass(frozen=True)
class Calibration:
    """The readout error of each qubit, independent of the others.

    Errors that qubits make together, and what one qubit's state does to another's reading, are not in it.

    Attributes
    ----------
    matrices : ndarray, shape (n, 2, 2)
        Probability of reading row when the qubit is column.
    shots : int
        In each of the two circuits; 0 where the matrices are known exactly.
    """

    matrices: Floats
    shots: int = 0

    @classmethod
    def from_counts(cls, counts: ReadoutCounts) -> Calibration:
        """From what `health.readout_circuits` gave."""
        rows = [
            [[1 - up, down], [up, 1 - down]]
            for up, down in zip(
                np.array(counts.ones_of_zero) / counts.shots, np.array(counts.zeros_of_one) / counts.shots, strict=True
            )
        ]
        return cls(np.array(rows), counts.shots)

    @property
    def contrast(self) -> float:
        """Of the worst qubit, 1 minus both its errors: 1 is read without any, 0 at random."""
        return float(np.linalg.det(self.matrices).min())

    @property
    def amplification(self) -> float:
        """How many times larger errors of frequencies can become at most: the 1-norm of the inverse; 1 is none."""
        norms = [np.abs(np.linalg.inv(matrix)).sum(axis=0).max() for matrix in self.matrices]
        return float(np.prod(norms))

    def require_invertible(self, most: float = MOST_AMPLIFICATION) -> None:
        """Refuse an inversion that would amplify errors more than `most` times.

        Raises
        ------
        MitigationError
        """
        if self.contrast <= 0 or self.amplification > most:
            found = "a qubit read at random" if self.contrast <= 0 else f"{self.amplification:.1f} times"
            raise MitigationError(
                f"expected an inversion that amplifies errors at most {most:g} times, got {found}. Measure fewer or "
                "better qubits, or report the plain values."
            )


@dataclass(frozen=True)
class Mitigated:
    """Quasi-probabilities after the inversion.

    Attributes
    ----------
    quasi : ndarray, shape (2^n,)
        They add up to 1; single ones may be negative.
    negative : float, >= 0
        Weight of the negative ones: 0 for a distribution, large where noise was inverted rather than readout.
    amplification : float, >= 1
    """

    quasi: Floats
    negative: float
    amplification: float


def mitigate_readout(frequencies: Floats, calibration: Calibration, *, most: float = MOST_AMPLIFICATION) -> Mitigated:
    """Invert the readout error of a measured distribution.

    Parameters
    ----------
    frequencies : ndarray, shape (2^n,)
        Relative frequencies of the outcomes, qubit 0 the most significant bit.
    most : float
        Amplification above which the inversion is refused.

    Raises
    ------
    MitigationError
    """
    calibration.require_invertible(most)
    n = len(calibration.matrices)
    if frequencies.shape != (2**n,):
        raise MitigationError(f"expected {2**n} frequencies for {n} qubits, got {frequencies.shape}. Calibrate anew.")
    quasi = frequencies.reshape((2,) * n)
    for qubit, matrix in enumerate(calibration.matrices):
        quasi = np.moveaxis(np.tensordot(np.linalg.inv(matrix), quasi, axes=(1, qubit)), 0, qubit)
    quasi = quasi.ravel()
    return Mitigated(quasi, float(-quasi[quasi < 0].sum()), calibration.amplification)


@dataclass(frozen=True)
class Expectation:
    """An expectation value with its 95 % interval."""

    value: float
    lower: float
    upper: float


def mitigated_expectation(
    frequencies: Floats,
    signs: Floats,
    calibration: Calibration,
    *,
    shots: int,
    rng: np.random.Generator,
    most: float = MOST_AMPLIFICATION,
    redraws: int = 400,
) -> Expectation:
    """The mitigated expectation value of an observable that is diagonal in the measured basis.

    The interval is a parametric bootstrap of the shots and of the calibration's shots; it knows nothing of errors that
    the calibration does not model. One count is spread over all outcomes before they are redrawn, since what never came
    up in so many shots may still have a chance. A redraw in which a qubit is read at random could mean any value: where
    so few shots leave that open in more than a tail of the redraws, the interval is infinite.

    Parameters
    ----------
    signs : ndarray, shape (2^n,)
        Its eigenvalue for each outcome.
    """
    value = float(signs @ mitigate_readout(frequencies, calibration, most=most).quasi)
    likely = (shots * frequencies + 1 / len(frequencies)) / (shots + 1)
    wrong = (calibration.shots * calibration.matrices + 0.5) / (calibration.shots + 1)
    lows, highs = [], []
    for _ in range(redraws):
        counts = rng.multinomial(shots, likely) / shots
        redrawn = calibration
        if calibration.shots:
            up = rng.binomial(calibration.shots, wrong[:, 1, 0])
            down = rng.binomial(calibration.shots, wrong[:, 0, 1])
            redrawn = Calibration.from_counts(ReadoutCounts(tuple(up), tuple(down), calibration.shots))
        told = redrawn.contrast > 0
        found = float(signs @ mitigate_readout(counts, redrawn, most=np.inf).quasi) if told else np.inf
        lows.append(found if told else -np.inf)
        highs.append(found)
    tail = (1 - CONFIDENCE) / 2  # at redraws, not between them: there is no number between one and infinity
    lower, upper = np.quantile(lows, tail, method="lower"), np.quantile(highs, 1 - tail, method="higher")
    return Expectation(value, float(lower), float(upper))


def zne_values(
    device: str,
    tapes: Sequence[Any],
    *,
    shots: int | None,
    seed: int,
    noise: NoiseModel | None = None,
    scales: Sequence[float] = SCALES,
    extrapolate: Callable[..., Any] | None = None,
) -> Floats:
    """Zero-noise extrapolated expectation values, one per tape.

    Parameters
    ----------
    tapes : sequence of qml.tape.QuantumScript
        Each measures one expectation value.
    shots : int or None
        Per tape in all, divided among the scales; None for exact values.
    scales : sequence of float
        Odd whole numbers fold the whole circuit; others fold a part.
    extrapolate : callable, optional
        As in `qml.noise`; Richardson's if absent.
    """
    import pennylane as qml

    if len(set(scales)) < 2 or min(scales) < 1:
        raise ValueError(f"expected two or more different scale factors of at least 1, got {tuple(scales)}")
    native = noise.native if noise else NATIVE
    each = None if shots is None else shots // len(scales)
    joins, folded = [], []
    for tape in tapes:
        parts, join = qml.noise.mitigate_with_zne(
            in_native_gates(tape, native),
            scale_factors=list(scales),
            folding=qml.noise.fold_global,
            extrapolate=extrapolate or qml.noise.richardson_extrapolate,
        )
        folded += parts
        joins.append(join)
    values = [row[0] for row in run(device, folded, shots=each, seed=seed, noise=noise).values]
    k = len(scales)
    return np.array([float(np.squeeze(join(values[i * k : (i + 1) * k]))) for i, join in enumerate(joins)])


@dataclass(frozen=True)
class Comparison:
    """Plain and mitigated answers to the same circuits at the same total of shots.

    Attributes
    ----------
    plain, mitigated : float
        Root mean square errors.
    difference, lower, upper : float
        Mean of plain squared error minus mitigated squared error, and its 95 % interval over circuits: above 0
        mitigation helped.
    verdict : "helps", "hurts" or "undecided"
    """

    plain: float
    mitigated: float
    difference: float
    lower: float
    upper: float
    verdict: Literal["helps", "hurts", "undecided"]
    circuits: int
    shots: int | None

    @property
    def text(self) -> str:
        shots = "with exact values" if self.shots is None else f"at {self.shots:,} shots a circuit either way"
        outcome = {
            "helps": "Mitigation is closer to the truth",
            "hurts": "Mitigation is farther from the truth: report the plain values",
            "undecided": "Which is closer to the truth is undecided",
        }
        errors = f"error {self.mitigated:.4f} against {self.plain:.4f}"
        return f"{outcome[self.verdict]}: {errors} {shots}, {self.circuits} circuits."


def compared(truth: Floats, plain: Floats, mitigated: Floats, *, shots: int | None) -> Comparison:
    """Judge mitigation from paired errors over circuits (Student's interval of the squared errors' difference).

    Parameters
    ----------
    truth, plain, mitigated : ndarray, shape (circuits,), at least two circuits
    shots : int or None
        Per circuit, the same total for both; calibration counts.
    """
    return compared_squares((plain - truth) ** 2, (mitigated - truth) ** 2, shots=shots)


def compared_squares(before: Floats, after: Floats, *, shots: int | None) -> Comparison:
    """`compared`, from the squared errors of each circuit without and with mitigation."""
    from scipy.stats import t as student

    gain, n = before - after, len(before)
    if n < 2:
        raise ValueError(f"expected at least two circuits to compare over, got {n}")
    half = float(student.ppf((1 + CONFIDENCE) / 2, n - 1) * gain.std(ddof=1) / np.sqrt(n))
    mean = float(gain.mean())
    verdict: Literal["helps", "hurts", "undecided"] = (
        "helps" if mean - half > 0 else "hurts" if mean + half < 0 else "undecided"
    )
    errors = float(np.sqrt(max(0.0, before.mean()))), float(np.sqrt(after.mean()))
    return Comparison(*errors, mean, mean - half, mean + half, verdict, n, shots)

"""How patients are weighed against bias before training: the configuration part `fairness`, and what is told."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from federation.domain.cells import MIN_CELL

TARGETS = {
    "parity": "the disease is as frequent in each group",
    "equal_mass": "each group with, and each without, the disease counts the same",
}
SOLVERS = {
    "qaoa": "QAOA (simulated quantum circuit)",
    "vqe": "VQE (simulated quantum circuit)",
    "annealing": "simulated annealing (classical)",
    "exact": "listing every choice (classical)",
}
MAX_LEVEL_BITS = 4
WHY_NOT_PRIVATE = (
    "patients cannot be weighed under differential privacy: weights undo the clipping that bounds a patient's "
    "influence; choose one of them"
)


@dataclass(frozen=True)
class FairnessConfig:
    """What is frozen of it.

    Attributes
    ----------
    attribute : str
        Whose groups are weighed, e.g. ``sex``.
    target : "parity" or "equal_mass"
        What the weights of a site's strata (group and label) are to bring about there.
    solver : "qaoa", "vqe", "annealing" or "exact"
    bits : int, 1 to 4
        A weight takes one of 2**bits levels.
    min_cell : int, >= 2
        Smaller strata keep the weight 1 and are in no figure.
    """

    attribute: str
    target: str = "parity"
    solver: str = "qaoa"
    bits: int = 3
    min_cell: int = MIN_CELL

    def __post_init__(self) -> None:
        if not isinstance(self.attribute, str) or not 1 <= len(self.attribute) <= 80:
            raise ValueError(f"expected fairness to name an attribute of the patients, got {self.attribute!r}")
        for name, words in (("target", TARGETS), ("solver", SOLVERS)):
            value = getattr(self, name)
            if not isinstance(value, str) or value not in words:
                raise ValueError(f"expected the {name} of fairness to be one of {', '.join(words)}, got {value!r}")
        for name, low, most in (("bits", 1, MAX_LEVEL_BITS), ("min_cell", 2, 10**6)):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= most:
                raise ValueError(f"expected {name} of fairness to be an integer from {low} to {most}, got {value!r}")

    @classmethod
    def recommended(cls, chosen: Mapping[str, Any]) -> FairnessConfig:
        """What was chosen, and the rest as usual. Raises ValueError that says what was expected."""
        known = {field.name for field in fields(cls)}
        if "attribute" not in chosen or not set(chosen) <= known:
            raise ValueError(
                f"expected fairness with an attribute and some of {sorted(known - {'attribute'})}, got {sorted(chosen)}"
            )
        return cls(**chosen)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> FairnessConfig:
        """Read what `as_dict` wrote. Raises ValueError on anything else."""
        expected = {field.name for field in fields(cls)}
        if set(raw) != expected:
            raise ValueError(f"expected fairness with {sorted(expected)}, got {sorted(raw)}")
        return cls(**raw)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


_LATER = ("shots", "depth", "backend", "annealing", "p_annealing")
_SHARES = {"p_optimum", "p_uniform", "ratio", "p_annealing"}


@dataclass(frozen=True)
class Figures:
    """What a site may tell of its filter. Costs are those of `fairness_filter`.

    Attributes
    ----------
    solver, seed : of the weights that are used
    qubits : int
        Bits of the problem: strata times bits of a weight.
    objective : float
        Cost of the weights that are used.
    optimum, reweighing, unweighted : float
        Cost of the best levels (every choice listed), of Reweighing's weights of any size, and of weight 1 for all.
    p_optimum, p_uniform : float in [0, 1]
        Probability that one draw of the solver, and one without any thought, is the optimum.
    ratio : float
        Approximation ratio of the mean draw: 1 the optimum, 0 the worst choice.
    shots, depth, backend
        Of the solver's draws; None where it has none.
    annealing, p_annealing : float
        Cost of simulated annealing's weights, and the share of its runs that end in the optimum.

    The last five are None in what sites told before they were kept.
    """

    solver: str
    seed: int
    qubits: int
    objective: float
    optimum: float
    reweighing: float
    unweighted: float
    p_optimum: float
    p_uniform: float
    ratio: float
    shots: int | None = None
    depth: int | None = None
    backend: str | None = None
    annealing: float | None = None
    p_annealing: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Figures:
        """Read what a site told. Raises ValueError on anything else than figures in their ranges."""
        names = [field.name for field in fields(cls)]
        known, needed = set(names), set(names) - set(_LATER)
        if not isinstance(raw, Mapping) or not needed <= set(raw) <= known:
            raise ValueError(f"expected the figures {', '.join(names)} of the weights of patients, got {raw!r}")
        found = cls(**raw)
        if found.solver not in SOLVERS or type(found.seed) is not int or type(found.qubits) is not int:
            raise ValueError(f"expected a known solver, a seed and a number of qubits, got {raw!r}")
        if not isinstance(found.backend, str | None) or len(found.backend or "") > 80:
            raise ValueError(f"expected the name of a backend, got {found.backend!r}")
        for name in names[3:]:
            value, most = getattr(found, name), 1.0 if name in _SHARES else math.inf
            if name == "backend" or (name in _LATER and value is None):
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not number or not 0 <= value <= most:
                raise ValueError(f"expected {name} of the weights of patients from 0 to {most:g}, got {value!r}")
        return found


def read_told(raw: Any) -> tuple[Figures | None, str]:
    """Figures, the reason why no weights are used, or both, as a site wrote them. Raises ValueError on all else."""
    reason = raw.get("reason", "") if isinstance(raw, Mapping) else ""
    if not isinstance(reason, str):
        raise ValueError(f"expected a reason in words why no weights are used, got {reason!r}")
    if reason and set(raw) == {"reason"}:
        return None, reason[:300]
    figures = {name: value for name, value in raw.items() if name != "reason"} if reason else raw
    return Figures.from_dict(figures), reason[:300]

"""What a device costs: data, with where each figure comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Price:
    """What a run on a device is charged, in one currency. Prices change: `source` says where and when each was read.

    Attributes
    ----------
    per_circuit, per_shot : float
    per_one_qubit_gate_shot, per_two_qubit_gate_shot : float
        Per gate and shot.
    minimum_per_circuit : float
        Charged at least, or on top where `minimum_is_base`.
    per_second : float
        Per second of the processor; `seconds_per_shot` then bounds the time from below, so the cost is a lower bound.
    declared : bool
        True where the user declared it, False where the provider published it.
    """

    source: str
    currency: str = "USD"
    per_circuit: float = 0.0
    per_shot: float = 0.0
    per_one_qubit_gate_shot: float = 0.0
    per_two_qubit_gate_shot: float = 0.0
    minimum_per_circuit: float = 0.0
    minimum_is_base: bool = False
    per_second: float = 0.0
    seconds_per_shot: float = 0.0
    declared: bool = False

    def __post_init__(self) -> None:
        figures = [value for value in vars(self).values() if type(value) in {int, float}]
        if not self.source or any(not 0 <= value < float("inf") for value in figures):
            raise ValueError("expected a price's source and figures of 0 or more")

    @property
    def is_lower_bound(self) -> bool:
        return self.per_second > 0

    def of_circuit(self, shots: int, one_qubit_gates: float, two_qubit_gates: float) -> float:
        """Cost of one circuit with so many gates (after compiling, as the provider counts them)."""
        by_gate = one_qubit_gates * self.per_one_qubit_gate_shot + two_qubit_gates * self.per_two_qubit_gate_shot
        used = self.per_circuit + shots * (self.per_shot + by_gate + self.seconds_per_shot * self.per_second)
        return used + self.minimum_per_circuit if self.minimum_is_base else max(used, self.minimum_per_circuit)

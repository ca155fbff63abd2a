"""What can be wrong with a circuit, each with what to do about it."""

from __future__ import annotations


class CircuitError(ValueError):
    """A circuit, its inputs or its weights cannot be used: what was expected, what came, what to do."""

    def __init__(self, *, expected: str, got: str, remedy: str) -> None:
        self.expected, self.got, self.remedy = expected, got, remedy
        super().__init__(f"expected {expected}, got {got}. {remedy}")


class WrongShape(CircuitError):
    """Inputs or weights have another shape or kind than the circuit asks for."""


class NotFinite(CircuitError):
    """Inputs or weights hold NaN or infinity."""


class ZeroNorm(CircuitError):
    """A sample of zeros cannot be the amplitudes of a state."""


class TooLarge(CircuitError):
    """The state does not fit into memory."""


class Unsupported(CircuitError):
    """A gate, an angle or a measurement that only PennyLane can run."""

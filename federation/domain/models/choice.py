"""What people choose of the models of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from federation.domain.quantum.noise_choice import recorded
from federation.domain.quantum.spec import OPTIONS, REQUIRED, SpecError, read_noise

TWIN, NO_ENTANGLEMENT, LOGISTIC = "twin", "no_entanglement", "logistic"
COMPARED = (TWIN, NO_ENTANGLEMENT, LOGISTIC)


@dataclass(frozen=True)
class ModelChoice:
    """What people choose of the models of a run; the rest follows from the task and the shape of the data.

    Attributes
    ----------
    compared : "twin", "no_entanglement" or "logistic"
        What the model is trained beside: its classical twin of as many parameters, itself without entangling gates,
        or (rows of a table alone) a logistic regression.
    qubits, layers : int or None
        None: as recommended for the task.
    entangling, ansatz, embedding, reupload, start : as in a spec; None as if left out there
    noise : mapping or None
        Of the device for which it is trained, as `noise_choice.read` takes it; None: trained without noise.
    """

    compared: str = TWIN
    qubits: int | None = None
    layers: int | None = None
    entangling: bool | None = None
    ansatz: str | None = None
    embedding: str | None = None
    reupload: bool | None = None
    start: str | None = None
    noise: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.compared not in COMPARED:
            raise SpecError(
                "compared", "expected compared to be one of %(known)s, got %(got)s", known=", ".join(COMPARED),
                got=repr(self.compared),
            )  # fmt: skip
        if self.compared == NO_ENTANGLEMENT and self.entangling is False:
            raise SpecError(
                "entangling", "expected a model with entangling gates beside the same without them, got one without"
            )

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any] | None) -> ModelChoice:
        """Read a choice. Raises SpecError on anything that is no part of one."""
        if not isinstance(raw or {}, Mapping):
            raise SpecError("", "expected the choice of a model as names and values, got %(got)s", got=repr(raw))
        known = tuple(cls.__dataclass_fields__)
        if unknown := sorted(set(raw or {}) - set(known)):
            raise SpecError(
                "", "expected of a model some of %(known)s, got %(got)s", known=", ".join(known),
                got=", ".join(map(str, unknown)),
            )  # fmt: skip
        return cls(**{name: value for name, value in (raw or {}).items() if value is not None})

    @property
    def circuit(self) -> dict[str, Any]:
        """What was chosen of the circuit, as entries of a spec."""
        names = (*REQUIRED, *OPTIONS)
        chosen = {name: value for name in names if (value := getattr(self, name)) is not None}
        return chosen if self.noise is None else {**chosen, "noise": recorded(read_noise(self.noise))}

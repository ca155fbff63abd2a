"""What a run requires of the device that its circuit is trained for, and whether that is met, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from core.errors import Conflict
from federation.domain.quantum.requirement import requirement_of
from federation.models import QuantumJob, TrainingRun
from federation.quantum_health import HEALTH_IS_FRESH, required_by, tries_before


@dataclass(frozen=True)
class Standing:
    """Either the measurement that meets the requirement, or why the run cannot start."""

    words: str
    check: QuantumJob | None
    why_not: str
    tries: int = 0  # checks of the volume, the one that met it included, in the days before it


def requirement_words(config: Mapping[str, Any]) -> str:
    """Empty for a run that requires nothing."""
    required = requirement_of(config)
    if required is None:
        return ""
    said = {"volume": required.quantum_volume, "title": required.device.title, "days": HEALTH_IS_FRESH.days}
    noise = required.noise_of(config["models"]["primary"])
    words = _(
        "Starts only if a quantum volume of at least %(volume)s of %(title)s was confirmed in the %(days)s days before"
    )
    if noise is not None:
        words = _(
            "Starts only if a quantum volume of at least %(volume)s of %(title)s, under the noise model “%(noise)s”, "
            "was confirmed in the %(days)s days before"
        )
    return words % {**said, "noise": noise.name if noise else ""}


def standing_of(run: TrainingRun) -> Standing | None:
    """How the requirement stands: as the run started, or now if it has not; None if it requires nothing."""
    words = requirement_words(run.config)
    if not words:
        return None
    if run.started_at or not run.is_open:
        return _met(words, run.health_check)
    try:
        return _met(words, required_by(run))
    except Conflict as error:
        return Standing(words, None, error.message)


def _met(words: str, check: QuantumJob | None) -> Standing:
    """A check repeated until it passes is told from one that passed at once by the number of tries."""
    return Standing(words, check, "", tries_before(check) if check else 0)

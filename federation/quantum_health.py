"""Is the quantum volume that somebody requires of a device measured, fresh and confirmed?"""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from core.errors import Conflict
from federation.domain.quantum.noise import NoiseModel
from federation.domain.quantum.requirement import requirement_of
from federation.models import QuantumJob, TrainingRun

HEALTH_IS_FRESH = timedelta(days=7)


def place(device: str, noise: NoiseModel | None) -> str:
    """The device and its noise, for people."""
    return f"{device} under the noise model {noise.name}" if noise else device


def required_by(run: TrainingRun) -> QuantumJob | None:
    """The measurement that meets what a run requires of a device; None if it requires nothing.

    Raises
    ------
    Conflict
        With what was wanted, what there is and what to do.
    """
    required = requirement_of(run.config)
    if required is None:
        return None
    noise = required.noise_of(run.config["models"]["primary"])
    wanted = _("The run requires a quantum volume of at least %(volume)s on %(device)s") % {
        "volume": required.quantum_volume, "device": place(required.name, noise),
    }  # fmt: skip
    return confirmed_volume(required.name, noise, required.quantum_volume, wanted=wanted)


def confirmed_volume(device: str, noise: NoiseModel | None, least: int, *, wanted: str) -> QuantumJob:
    """The newest measurement of the device's quantum volume under this noise, if it confirms at least this one.

    `wanted` begins the sentence that a refusal says. Raises Conflict.
    """
    tried = QuantumJob.objects.health_of(device, QuantumJob.Purpose.VOLUME, noise.digest if noise else None)
    wide = tried.filter(qubits__gte=(least - 1).bit_length())  # a narrower one cannot confirm it
    newest = wide.first() or tried.first()
    if newest is None:
        raise Conflict(_("%(wanted)s; it has never been measured. Order that check first.") % {"wanted": wanted})
    on = date_format(newest.finished_at, "j M Y")
    if newest.finished_at < timezone.now() - HEALTH_IS_FRESH:
        raise Conflict(
            _(
                "%(wanted)s; it was last measured on %(finished_at)s, more than %(days)s days ago. Order the "
                "check again."
            )
            % {"wanted": wanted, "finished_at": on, "days": HEALTH_IS_FRESH.days}
        )
    measured = (newest.result or {}).get("quantum_volume")
    if not measured or measured < least:
        said = (
            _("%(wanted)s; %(volume)s was confirmed on %(day)s. Choose another device, or require less.")
            if measured
            else _(
                "%(wanted)s; %(volume)s was tried, not confirmed, on %(day)s. Choose another device, or require less."
            )
        )
        volume = measured or (newest.result or {}).get("tried")
        raise Conflict(said % {"wanted": wanted, "volume": volume, "day": on})
    return newest

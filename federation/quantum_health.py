"""Is the quantum volume that somebody requires of a device measured, fresh and confirmed?"""

from __future__ import annotations

import math
from collections.abc import Iterable
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
    if noise is None:
        return device
    return _("%(device)s under the noise model %(noise)s") % {"device": device, "noise": noise.name}


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
    """The newest measurement that confirms at least this quantum volume of the device under this noise.

    A check that did not confirm its volume says nothing of smaller ones, and undoes older checks of its own or of
    larger ones. `wanted` begins the sentence that a refusal says. Raises Conflict.
    """
    tried = QuantumJob.objects.health_of(device, QuantumJob.Purpose.VOLUME, noise.digest if noise else None)
    fresh = list(tried.filter(finished_at__gte=timezone.now() - HEALTH_IS_FRESH))
    fresh = [check for check in fresh if check.machine == fresh[0].machine]  # one name may stand for another by now
    if (met := _standing(fresh, least)) is not None:
        return met
    newest = next((check for check in fresh if not confirmed_by(check)), None) or tried.first()
    if newest is None:
        raise Conflict(_("%(wanted)s; it has never been measured. Order that check first.") % {"wanted": wanted})
    on = date_format(newest.finished_at, "j M Y")
    if not fresh:
        raise Conflict(
            _(
                "%(wanted)s; it was last measured on %(finished_at)s, more than %(days)s days ago. Order the "
                "check again."
            )
            % {"wanted": wanted, "finished_at": on, "days": HEALTH_IS_FRESH.days}
        )
    measured = confirmed_by(newest)
    said = (
        _("%(wanted)s; %(volume)s was confirmed on %(day)s. Choose another device, or require less.")
        if measured
        else _("%(wanted)s; %(volume)s was tried, not confirmed, on %(day)s. Choose another device, or require less.")
    )
    volume = measured or (newest.result or {}).get("tried")
    raise Conflict(said % {"wanted": wanted, "volume": volume, "day": on})


def confirmed_by(check: QuantumJob) -> int:
    """The quantum volume that a finished check has confirmed; 0: none."""
    return int((check.result or {}).get("quantum_volume") or 0)


def tries_before(check: QuantumJob) -> int:
    """How often the volume was checked in the days up to this check, it included."""
    if check.finished_at is None:
        return 0
    noise = check.noise_model
    tried = QuantumJob.objects.health_of(check.device, check.purpose, noise.digest if noise else None)
    days = (check.finished_at - HEALTH_IS_FRESH, check.finished_at)
    return tried.filter(machine=check.machine, finished_at__range=days).count()


def _standing(checks: Iterable[QuantumJob], least: int) -> QuantumJob | None:
    """The first check, of the newest first, that confirms so much and that no newer one has undone."""
    missed = math.inf  # qubits of the narrowest newer check that did not confirm its volume
    for check in checks:
        if confirmed_by(check) >= least and check.qubits < missed:
            return check
        if not confirmed_by(check):
            missed = min(missed, check.qubits)
    return None

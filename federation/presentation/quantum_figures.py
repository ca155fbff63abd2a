"""What a run on a device found: shares of patients decided rightly, and how far its numbers lie from exact ones."""

from __future__ import annotations

from math import sqrt
from typing import Any

from django.utils.translation import gettext as _

from core.charts import interval_chart
from federation.domain.quantum.device_figures import Figures
from federation.models import QuantumJob
from federation.presentation import quantum_noise
from federation.presentation.model_words import label_of


def rows(job: QuantumJob) -> list[tuple[str, Any]]:
    if job.purpose != QuantumJob.Purpose.EVALUATION or not job.result:
        return []
    found = Figures.from_dict(job.result)
    return [
        ("On the device", found.device),
        ("Exact simulation", found.simulator),
        (label_of(job.run.config, "baseline") if job.run else "Classical twin", found.twin),
        ("Decided otherwise than by the simulation", found.changed),
    ]


def error_words(job: QuantumJob) -> str:
    """How far the expectation values lie from the exact ones, and how much of it is shown to be the device's."""
    if job.purpose != QuantumJob.Purpose.EVALUATION or not job.result:
        return ""
    found = Figures.from_dict(job.result)
    said = _(
        "Expectation values differ from the exact ones by %(error)s (root mean square); %(shots)s shots alone make it "
        "%(shot_noise)s on average."
    ) % {"error": f"{found.z_error:.3f}", "shots": f"{found.shots:,}", "shot_noise": f"{found.z_shot_noise:.3f}"}
    if quantum_noise.is_noiseless(job):
        return said + " " + _("The simulator has no noise, so all of it is chance.")
    own = found.z_error**2 - found.z_shot_noise**2
    # A mean of squares over n patients spreads by about sqrt(2 / n); a patient's qubits may err together.
    if own <= 2 * found.z_shot_noise**2 * sqrt(2 / found.n):
        return said + " " + _("Over %(n)s patients no error of the device's own is told from that.") % {"n": found.n}
    return said + " " + _("The device's own error is about %(own)s (what is left of the squares).") % {
        "own": f"{sqrt(own):.3f}"
    }  # fmt: skip


def chart(job: QuantumJob) -> Any:
    found = rows(job)[:3]
    if not found:
        return None
    return interval_chart(
        [(_(label), share.value, share.lower, share.upper, "info") for label, share in found],
        threshold=None, title="Accuracy on the same patients",
        x_label="Share of patients decided rightly",
    )  # fmt: skip

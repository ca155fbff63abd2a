"""What a job's page says of its noise model, of its readout mitigation, and of how its figures were made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from federation.domain.quantum.device_figures import Figures, Share
from federation.domain.quantum.devices import DEVICES
from federation.models import QuantumJob
from federation.presentation.noise_words import rates


def titled(job: QuantumJob) -> str:
    """The device with what it was under: a simulator without a noise model is called noiseless."""
    if (spec := DEVICES.get(job.device)) is None:
        return job.device
    said = {
        "machine": "%(title)s",
        "noise model": _("%(title)s, under the noise model “%(noise)s”"),
        "noiseless simulator": _("%(title)s, noiseless"),
    }
    return said[spec.subject(job.noise)] % {"title": spec.title, "noise": (job.noise or {}).get("name", "")}


def is_noiseless(job: QuantumJob) -> bool:
    return job.device in DEVICES and DEVICES[job.device].subject(job.noise) == "noiseless simulator"


def subject_words(job: QuantumJob) -> str:
    """Of what a measured health speaks where that is no machine."""
    if job.noise:
        return _("of a simulator under the noise model “%(noise)s”") % {"noise": job.noise["name"]}
    return _("of a noiseless simulator, not of a machine") if is_noiseless(job) else ""


def noise_rows(job: QuantumJob) -> list[tuple[str, Any]]:
    """The rates of the noise model, empty without one."""
    model = job.noise_model
    if model is None:
        return []
    return [(_("Name"), model.name), *rates(model)]


def mitigation_words(job: QuantumJob) -> str:
    """Whence the readout error is that the order inverts."""
    if not job.mitigation:
        return _("none")
    if job.mitigation["source"] == "declared":
        return _("of the readout, as the noise model declares it")
    return _("of the readout, measured with %(shots)s shots on %(machine)s") % {
        "shots": f"{2 * job.mitigation['shots']:,}", "machine": job.mitigation["machine"],
    }  # fmt: skip


def fact_rows(job: QuantumJob) -> list[tuple[str, Any]]:
    """How the figures were made; empty for results from before that was kept."""
    facts = (job.result or {}).get("facts")
    if not facts:
        return []
    gates = ", ".join(f"{count} {name}" for name, count in facts["gates"].items())
    seed = _("none: the machine draws its own shots") if facts["seed"] is None else facts["seed"]
    noise = facts["noise"]["name"] if facts["noise"] else _("none")
    rows = [
        (_("Backend and versions"), facts["backend"]),
        (_("Shots of each circuit"), facts["shots"]),
        (_("Seed of the shots"), seed),
        (_("Circuits"), facts["circuits"]),
        (_("Depth of the largest circuit"), facts["depth"]),
        (_("Its gates"), gates or _("none")),
        (_("Noise model"), noise),
    ]
    if "circuit_seed" in facts:
        rows.insert(3, (_("Seed of the circuits"), facts["circuit_seed"]))
    return rows


@dataclass(frozen=True)
class Compared:
    """Plain beside mitigated figures, and what to make of them."""

    shares: list[tuple[str, Share, Share]]  # label, plain, mitigated
    numbers: list[tuple[str, str, str]]
    tone: str
    words: str


_TONES = {"helps": "info", "hurts": "warn", "undecided": "muted"}


def compared(job: QuantumJob) -> Compared | None:
    """The readout mitigation of an evaluation, if one was ordered."""
    if not job.mitigation or not job.result or not job.result.get("mitigated"):
        return None
    plain = Figures.from_dict(job.result)
    found = plain.mitigated
    assert found is not None  # noqa: S101 - asked above
    shares = [
        (_("Decided rightly"), plain.device, found.device),
        (_("Decided otherwise than by the simulation"), plain.changed, found.changed),
    ]
    numbers = [
        (_("Shots of each circuit"), f"{plain.shots:,}", f"{plain.shots:,}"),
        (_("Shots of the calibration"), "0", f"{found.calibration_shots:,}"),
        (_("Error of the expectation values"), f"{plain.z_error:.4f}", f"{found.z_error:.4f}"),
        (_("Spread that the shots alone give them"), f"{found.plain_z_spread:.4f}", f"{found.z_spread:.4f}"),
    ]
    said = {
        "helps": _("Mitigation was worth its shots"),
        "hurts": _("Mitigation was not worth its shots: report the plain figures"),
        "undecided": _("Whether mitigation was worth its shots is undecided: report the plain figures"),
    }
    words = _(
        "%(verdict)s. At %(shots)s shots a circuit either way the error is %(plain)s plain and %(mitigated)s "
        "mitigated; the squared errors differ by %(difference)s (95 %% CI %(lower)s to %(upper)s over patients)."
    ) % {
        "verdict": said[found.verdict], "shots": f"{found.equal_shots:,}", "plain": f"{found.plain_z_error:.4f}",
        "mitigated": f"{found.z_error:.4f}", "difference": f"{found.difference:+.5f}",
        "lower": f"{found.lower:+.5f}", "upper": f"{found.upper:+.5f}",
    }  # fmt: skip
    return Compared(shares, numbers, _TONES[found.verdict], words)

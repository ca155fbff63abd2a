"""Drafts of what people write, from what was measured. A person reads, corrects and saves them, or leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models_registry.binding import latest_audit
from models_registry.card_boundaries import boundaries_of
from models_registry.card_metrics import checks_of, is_fairness
from models_registry.models import Evidence, Version
from models_registry.policies import counts_of, manifests_of


def drafts_of(version: Version) -> dict[str, str]:
    """A draft for each element about which something is on record; none where only a person can know."""
    audit = latest_audit(version)
    found = {
        "GlobalAvailability": _availability(version),
        "PrimaryIntendedUsers": _users(version),
        "HowToUse": _how(version),
        "TargetedPatientPopulation": _patients(version),
        "CautionedOutOfScopeSettings": _out_of_scope(audit),
        "KnownRisksAndLimitations": _risks(version, audit),
        "KnownBiasesOrEthicalConsiderations": _biases(audit),
        "OngoingMaintenance": _maintenance(),
        "ThirdPartyInformation": "Trained with PyTorch; quantum circuits are described in PennyLane.",
    }
    return {name: text for name, text in found.items() if text}


def _availability(version: Version) -> str:
    sites = ", ".join(str(m.participant.institution) for m in manifests_of(version))
    return f"At the institutions of {version.model.federation.name}: {sites}." if sites else ""


def _users(version: Version) -> str:
    return "Clinicians of the institutions named under Availability, within the approved scope of the deployment."


def _how(version: Version) -> str:
    if version.config["task"] == "segmentation":
        return "Read the mask beside the image. It marks where to look; it is no diagnosis and replaces no reading."
    return "Read the score beside the patient's record. A clinician decides; the score alone decides nothing."


def _patients(version: Version) -> str:
    groups = "; ".join(f"{name}: {', '.join(found)}" for name, found in counts_of(version).items())
    data = version.model.federation.data_title
    return f"Patients like those of {data}" + (f" ({groups})." if groups else ".")


def _out_of_scope(audit: Evidence | None) -> str:
    found = boundaries_of(audit)
    if not found or not found["untested"]:
        return ""
    return "Not tested, or on too few patients: " + "; ".join(found["untested"]) + "."


def _risks(version: Version, audit: Evidence | None) -> str:
    open_checks = [c for c in checks_of(audit) if c.get("verdict") not in (None, "pass") and not is_fairness(c)]
    lines = [_said(c) for c in open_checks]
    sites = len(version.config["data_digests"])
    lines.append(
        f"Trained at {sites} site{'s' if sites != 1 else ''}; how it does elsewhere was not measured. No external "
        "validation is on record."
    )
    return " ".join(lines)


def _biases(audit: Evidence | None) -> str:
    return " ".join(_said(c) for c in checks_of(audit) if is_fairness(c))


def _said(check: Mapping[str, Any]) -> str:
    verdict = str(check.get("verdict", "not measured")).replace("_", " ")
    return f"{check.get('title', 'Check')} ({verdict}): {check.get('sentence') or 'no figure is on record.'}"


def _maintenance() -> str:
    return (
        "Watched live for gaps between groups; a breach halts the deployment, and two ethics officers of two "
        "institutions reinstate it. A new version is audited and approved anew."
    )

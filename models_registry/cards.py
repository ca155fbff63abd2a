"""The content of a model card: what the platform knows of a version, and what people have written.

Nothing is invented. What nobody stated is None, shown as "not stated", and counts against the completeness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from core.errors import ApplicationError
from federation.presentation.model_words import beside
from models_registry.binding import OUTSIDE, latest_audit
from models_registry.card_boundaries import boundaries_of
from models_registry.card_facts import (
    KINDS,
    STRATEGIES,
    data_before,
    foundation,
    model_type,
    outputs,
    privacy_words,
    quantum_facts,
    training_data,
    types_of_data,
)
from models_registry.card_metrics import key_metrics
from models_registry.card_schema import KEY_METRICS, METRIC_ELEMENTS, NAME, SECTIONS, WRITTEN
from models_registry.models import Evidence, Version
from models_registry.policies import manifests_of

FORMAT = 2  # 1: EHRCompatibility was misspelt
MOST_CHARACTERS = 4000


@dataclass(frozen=True)
class Completeness:
    """How many of the elements that the schema requires are stated."""

    stated: int
    required: int
    missing: tuple[str, ...]  # titles

    @property
    def share(self) -> float:
        """From 0 (nothing) to 1 (every required element)."""
        return self.stated / self.required


def card_content(*, version: Version, texts: Mapping[str, str]) -> dict[str, Any]:
    """The whole card as plain JSON: generated from version, run, manifests and evidence, with people's texts."""
    audit = latest_audit(version)
    generated = _generated(version, audit)
    sections = {
        section.name: {e.name: texts.get(e.name) if e.written else generated[e.name] for e in section.elements}
        for section in SECTIONS
    }
    return {
        "format": FORMAT,
        "schema": NAME,
        **sections,
        "KeyMetrics": key_metrics(version, audit),
        "quantum": quantum_facts(version),
        "boundaries": boundaries_of(audit),
        "privacy": privacy_words(version),
        "evidence": [
            {"kind": e.kind, "source": str(e.source_id), "verdict": e.verdict, "digest": e.digest}
            for e in version.evidence.exclude(kind__startswith=OUTSIDE).order_by("created_at")
        ],
        "texts": dict(texts),
    }


def _generated(version: Version, audit: Evidence | None) -> dict[str, Any]:
    federation = version.model.federation
    config = version.config
    manifests = manifests_of(version)
    developers = ", ".join(str(m.participant) for m in manifests) or "no site on record"
    strategy = STRATEGIES.get(config["strategy"], config["strategy"])
    sites, rounds = len(config["data_digests"]), config["rounds"]
    kind = KINDS.get(version.circuit["kind"], version.circuit["kind"])
    synthetic = " The data are synthetic: no patient is described." if federation.synthetic else ""
    return {
        "ModelName": version.model.name,
        "ModelDeveloper": f"{federation.name}: {developers}",
        "ReleaseStage": f"Before deployment; {_audited(audit)}",
        "ReleaseDate": f"{version.created_at:%Y-%m-%d}",
        "ReleaseVersion": str(version.number),
        "Summary": (
            f"A {kind} for {config['task']}, trained by {strategy} over {sites} sites in {rounds} "
            f"round{'s' if rounds > 1 else ''}, beside {beside(config)} trained on the same patients.{synthetic}"
        ),
        "Keywords": ["quantum machine learning", "federated learning", config["task"], federation.data_title],
        "IntendedUseAndWorkflow": version.model.intended_use,
        "OutcomesAndOutputs": outputs(config["task"]),
        "ModelType": model_type(version),
        "FoundationModels": foundation(version),
        "InputDataSource": f"{federation.data_title}.{synthetic}",
        "OutputAndInputDataTypes": types_of_data(config["task"], manifests),
        "DevelopmentDataCharacterization": (training_data(manifests) or "") + data_before(version) or None,
        "BiasMitigationApproaches": (
            "None in training: sites' updates are averaged by their number of records. Gaps between groups are audited "
            "before deployment and watched live; a breach halts the deployment."
        ),
        "Security": f"Sites sign their updates (ML-DSA-65); records never leave them. {privacy_words(version)}",
        "Transparency": (
            "Configuration, updates, metrics, evidence, this card and every decision stand in a verifiable ledger."
        ),
    }


def _audited(audit: Evidence | None) -> str:
    return "not yet audited" if audit is None else f"audited: {Evidence.Verdict(audit.verdict).replace('_', ' ')}"


def clean_texts(texts: Mapping[str, Any]) -> dict[str, str]:
    """The texts that people may write, trimmed; empty ones are left out.

    Raises
    ------
    ApplicationError
        If an element is not one that people write, or is no text, or is too long.
    """
    out = {}
    for name, text in texts.items():
        if name not in WRITTEN:
            raise ApplicationError(
                _("%(name)s cannot be written by hand. Expected some of: %(written)s.")
                % {"name": f"{name!r}", "written": ", ".join(WRITTEN)}
            )
        if not isinstance(text, str) or len(text) > MOST_CHARACTERS:
            raise ApplicationError(
                _("%(name)s: expected a text of at most %(most_characters)s characters.")
                % {"name": name, "most_characters": MOST_CHARACTERS}
            )
        if text.strip():
            out[name] = text.strip()
    return out


def completeness(content: Mapping[str, Any]) -> Completeness:
    """Count the required elements of the schema that the card states."""
    states = [(e.title, content[s.name].get(e.name)) for s in SECTIONS for e in s.elements if e.required]
    for name, title in KEY_METRICS.items():
        metric = content["KeyMetrics"][name]
        states += [(f"{title}: {e.title.lower()}", metric.get(e.name)) for e in METRIC_ELEMENTS]
    missing = tuple(title for title, value in states if not value)
    return Completeness(stated=len(states) - len(missing), required=len(states), missing=missing)

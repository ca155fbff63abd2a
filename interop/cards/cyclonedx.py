"""A card as a CycloneDX 1.6 ML-BOM: the model with its card, its classical twin, and the data it was trained on."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from federation.presentation.model_words import beside
from models_registry.card_schema import BOUNDARIES, QUANTUM
from models_registry.card_text import text_of
from models_registry.models import Card, Version

MODEL, TWIN = "model", "baseline"
Json = dict[str, Any]


def cyclonedx(card: Card) -> Json:
    """The BOM of an edition. Its serial number is made of the edition, so that one edition is one BOM."""
    version = card.version
    data = [f"data-{site}" for site in sorted(version.manifests)]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.UUID(str(card.id))}",
        "version": 1,
        "metadata": {
            "timestamp": card.created_at.isoformat(timespec="seconds"),
            "tools": {"components": [{"type": "application", "name": "QFL-ETHICS", "version": settings.VERSION}]},
            "component": _model(card, data),
            "properties": [_property("card:edition", card.edition), _property("card:sha256", card.digest)],
        },
        "components": [_twin(version), *(_data(version, site) for site in sorted(version.manifests))],
        "dependencies": [{"ref": MODEL, "dependsOn": data}, {"ref": TWIN, "dependsOn": data}],
    }


def _model(card: Card, data: list[str]) -> Json:
    version, content = card.version, card.content
    contact = content["BasicInfo"].get("DeveloperContact")
    return {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": version.model.name,
        "version": str(version.number),
        "description": str(content["ModelSummary"]["Summary"]),
        "publisher": str(content["BasicInfo"]["ModelDeveloper"]),
        "hashes": [_hash(version.weights_digest)],
        "modelCard": _card(content, version, data),
        "properties": [
            _property("config:sha256", version.config_hash),
            *([_property("contact", contact)] if contact else []),
            *_beside(content, QUANTUM.name, [e.name for e in QUANTUM.elements]),
            *_beside(content, BOUNDARIES.name, [e.name for e in BOUNDARIES.elements]),
            _property("privacy", content["privacy"]),
        ],
    }


def _card(content: Mapping[str, Any], version: Version, data: list[str]) -> Json:
    facts = content["AISystemFacts"]
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": version.config["task"],
            "architectureFamily": "hybrid quantum-classical" if content.get("quantum") else "classical",
            "modelArchitecture": str(facts["ModelType"]),
            "datasets": [{"ref": name} for name in data],
            "inputs": [{"format": "image" if version.config["task"] == "segmentation" else "features"}],
            "outputs": [{"format": "mask" if version.config["task"] == "segmentation" else "score"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": list(_metrics(content))},
        "considerations": _considerations(content),
    }


def _metrics(content: Mapping[str, Any]):
    """Every result with a figure; a verdict without one is no metric."""
    for metric in content["KeyMetrics"].values():
        for result in metric.get("Results") or []:
            value = result["value"]
            point = value.get("value", value.get("mean"))
            if point is None:
                continue
            told: Json = {"type": result["label"], "value": str(point)}
            bounds = {
                name: str(value[key])
                for name, key in (("lowerBound", "lower"), ("upperBound", "upper"))
                if value.get(key) is not None
            }
            yield told | ({"confidenceInterval": bounds} if bounds else {})


def _considerations(content: Mapping[str, Any]) -> Json:
    uses, warnings = content["UsesAndDirections"], content["Warnings"]
    ethics = warnings.get("KnownBiasesOrEthicalConsiderations")
    mitigation = content["AISystemFacts"].get("BiasMitigationApproaches")
    told = {
        "users": _listed(uses.get("PrimaryIntendedUsers")),
        "useCases": _listed(uses.get("IntendedUseAndWorkflow")),
        "technicalLimitations": _listed(
            warnings.get("KnownRisksAndLimitations"), uses.get("CautionedOutOfScopeSettings")
        ),
        "ethicalConsiderations": [{"name": ethics, "mitigationStrategy": mitigation}] if ethics and mitigation else [],
        "fairnessAssessments": _fairness(content, mitigation),
    }
    return {name: value for name, value in told.items() if value}


def _fairness(content: Mapping[str, Any], mitigation: str | None) -> list[Json]:
    """One assessment for each site and attribute that the audit compared; the harm is what it found."""
    found = content["KeyMetrics"]["FairnessEquity"].get("Interpretation")
    groups = (content.get("boundaries") or {}).get("tested") or []
    if not found:
        return []
    rows = groups or ["every group that the audit compared"]
    return [
        {"groupAtRisk": group, "harms": found} | ({"mitigationStrategy": mitigation} if mitigation else {})
        for group in rows
    ]


def _twin(version: Version) -> Json:
    return {
        "type": "machine-learning-model",
        "bom-ref": TWIN,
        "name": f"{version.model.name}: {beside(version.config).partition(' ')[2]}",
        "version": str(version.number),
        "description": "Trained on the same patients in the same rounds, as the baseline beside every quantum figure.",
        "hashes": [_hash(version.baseline_digest)],
    }


def _data(version: Version, site: str) -> Json:
    return {
        "type": "data",
        "bom-ref": f"data-{site}",
        "name": f"{version.model.federation.data_title}: {site}",
        "description": "Records never leave the site; the hash is that of the manifest which the site signed.",
        "hashes": [_hash(version.manifests[site])],
        "data": [{"type": "dataset", "name": site}],
    }


def _beside(content: Mapping[str, Any], part: str, names: list[str]) -> list[Json]:
    values = content.get(part)
    if not isinstance(values, Mapping):
        return []
    told = [(name, text_of(values.get(name), name)) for name in names]
    return [_property(f"{part}:{name}", text) for name, text in told if text]


def _property(name: str, value: object) -> Json:
    return {"name": f"qfl-ethics:{name}", "value": str(value)}


def _hash(digest: str) -> Json:
    return {"alg": "SHA-256", "content": digest}


def _listed(*texts: str | None) -> list[str]:
    return [text for text in texts if text]

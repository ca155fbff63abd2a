"""The elements of the CHAI Applied Model Card, version 0.2, under the schema's own names.

Source: https://mc.chai.org/v0.2/schema.xsd (Coalition for Health AI); an element without ``minOccurs="0"`` is required.
What the schema has no place for, the quantum evidence and the limits of what was tested, is declared beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAME = "CHAI Applied Model Card v0.2"


@dataclass(frozen=True)
class Element:
    """One element of the card."""

    name: str
    title: str
    required: bool = True
    help: str = ""  # not empty: a person writes it; empty: the platform generates it
    source: str = ""  # of what is generated: a key of SOURCES

    @property
    def written(self) -> bool:
        return bool(self.help)


@dataclass(frozen=True)
class Section:
    name: str
    title: str
    elements: tuple[Element, ...]


SOURCES = {  # where a generated element comes from
    "version": "the version's record",
    "run": "the frozen configuration of the training run",
    "manifests": "the data manifests that the sites signed",
    "audit": "the pre-deployment audit",
    "federation": "the federation's agreement",
    "platform": "how the platform works",
}
METRIC_ELEMENTS = (
    Element("MetricGoal", "Goal"),
    Element("Results", "Results"),
    Element("Interpretation", "Interpretation"),
    Element("TestType", "Type of test"),
    Element("TestingDataDescription", "Data tested on"),
    Element("ValidationProcessAndJustification", "Validation"),
)
KEY_METRICS = {
    "UsefulnessUsabilityEfficacy": "Usefulness, usability and efficacy",
    "FairnessEquity": "Fairness and equity",
    "SafetyReliability": "Safety and reliability",
}

SECTIONS = (
    Section(
        "BasicInfo",
        "Basic information",
        (
            Element("ModelName", "Name", source="version"),
            Element("ModelDeveloper", "Developer", source="manifests"),
            Element("DeveloperContact", "Contact", help="Whom to write to with questions or problems."),
        ),
    ),
    Section(
        "ReleaseInfo",
        "Release",
        (
            Element("ReleaseStage", "Stage", source="audit"),
            Element("ReleaseDate", "Date", source="version"),
            Element("ReleaseVersion", "Version", source="version"),
            Element("GlobalAvailability", "Availability", help="Where, and to whom, the model is available."),
            Element("EHRCompatibility", "EHR compatibility", False, "Record systems it works with."),
            Element("RegulatoryApproval", "Regulatory approval", False, "Clearances held, or that there are none."),
        ),
    ),
    Section(
        "ModelSummary",
        "Summary",
        (Element("Summary", "In short", source="run"), Element("Keywords", "Keywords", source="run")),
    ),
    Section(
        "UsesAndDirections",
        "Uses and directions",
        (
            Element("IntendedUseAndWorkflow", "Intended use and workflow", source="federation"),
            Element("PrimaryIntendedUsers", "Intended users", help="Who is meant to use the output."),
            Element("HowToUse", "How to use", help="What to do with the output, and what never to do with it."),
            Element("TargetedPatientPopulation", "Patients", help="The patients it is meant for."),
            Element("CautionedOutOfScopeSettings", "Out of scope", help="Where it must not be used."),
        ),
    ),
    Section(
        "Warnings",
        "Warnings",
        (
            Element("KnownRisksAndLimitations", "Risks and limitations", help="What can go wrong, and for whom."),
            Element("KnownBiasesOrEthicalConsiderations", "Biases and ethics", help="Known biases, ethical questions."),
            Element("ClinicalRiskLevel", "Clinical risk", help="For example IMDRF category I to IV, with the reason."),
        ),
    ),
    Section(
        "AISystemFacts",
        "Facts of the system",
        (
            Element("OutcomesAndOutputs", "Output", source="run"),
            Element("ModelType", "Type of model", source="run"),
            Element("FoundationModels", "Foundation models", False, source="platform"),
            Element("InputDataSource", "Source of the data", source="federation"),
            Element("OutputAndInputDataTypes", "Types of data", source="manifests"),
            Element("DevelopmentDataCharacterization", "Data it was developed on", source="manifests"),
            Element("BiasMitigationApproaches", "Mitigation of bias", source="run"),
            Element("OngoingMaintenance", "Maintenance", help="Who maintains it, how often it is reviewed."),
            Element("Security", "Security and privacy", False, source="run"),
            Element("Transparency", "Transparency", False, source="platform"),
        ),
    ),
    Section(
        "TransparencyInformation",
        "Interests",
        (
            Element("FundingSource", "Funding", help="Who paid for the development."),
            Element("ThirdPartyInformation", "Third parties", False, "Parts or services of others."),
            Element("StakeholdersConsulted", "Stakeholders consulted", help="Patients, clinicians and others asked."),
        ),
    ),
    Section(
        "Resources",
        "Resources",
        (
            Element("EvaluationReferences", "Evaluations", False, "Independent evaluations."),
            Element("ClinicalTrial", "Clinical trials", False, "Registration numbers."),
            Element("PeerReviewedPublications", "Publications", help="Peer-reviewed publications on this model."),
            Element("ReimbursementStatus", "Reimbursement", False, "Whether its use is reimbursed."),
            Element("PatientConsentOrDisclosure", "Consent and disclosure", help="What patients are told or asked."),
            Element("Bibliography", "Bibliography", help="Works that the card cites."),
        ),
    ),
)  # fmt: skip
WRITTEN: dict[str, Element] = {e.name: e for section in SECTIONS for e in section.elements if e.written}

# Beyond the schema: each element is a key of the card's "quantum" and "boundaries".
QUANTUM = Section(
    "quantum",
    "Quantum evidence",
    tuple(
        Element(name, title, False, source="run")
        for name, title in (
            ("backend", "Backend"),
            ("shots", "Shots"),
            ("seed", "Seed"),
            ("n_qubits", "Qubits"),
            ("layers", "Layers"),
            ("depth", "Depth"),
            ("n_parameters", "Parameters of the circuit"),
            ("entangling", "Entangling"),
            ("embedding", "Embedding"),
            ("ansatz", "Layers are"),
            ("start", "Training started from"),
            ("trained_under", "Trained under the noise model"),
            ("placement", "Placement"),
        )
    ),
)
BOUNDARIES = Section(
    "boundaries",
    "Where it was tested, and where not",
    (
        Element("sentence", "In short", False, source="audit"),
        Element("tested", "Tested", False, source="audit"),
        Element("untested", "Not tested, or on too few patients", False, source="audit"),
        Element("ranges", "Operating range of the inputs", False, source="audit"),
    ),
)
RENAMED = {"EHRCompatability": "EHRCompatibility"}  # as editions before format 2 spell it


def texts_of(content: Mapping[str, Any]) -> dict[str, str]:
    """What people wrote on an edition, under the names of today."""
    return {RENAMED.get(name, name): text for name, text in content.get("texts", {}).items()}

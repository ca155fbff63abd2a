"""The elements of the CHAI Applied Model Card, version 0.2, under the schema's own names.

Source: https://mc.chai.org/v0.2/schema.xsd (Coalition for Health AI); an element without ``minOccurs="0"`` is required.
The spelling of EHRCompatability is the schema's.
"""

from __future__ import annotations

from dataclasses import dataclass

NAME = "CHAI Applied Model Card v0.2"


@dataclass(frozen=True)
class Element:
    """One element of the card."""

    name: str
    title: str
    required: bool = True
    help: str = ""  # not empty: a person writes it; empty: the platform generates it

    @property
    def written(self) -> bool:
        return bool(self.help)


@dataclass(frozen=True)
class Section:
    name: str
    title: str
    elements: tuple[Element, ...]


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
            Element("ModelName", "Name"),
            Element("ModelDeveloper", "Developer"),
            Element("DeveloperContact", "Contact", help="Whom to write to with questions or problems."),
        ),
    ),
    Section(
        "ReleaseInfo",
        "Release",
        (
            Element("ReleaseStage", "Stage"),
            Element("ReleaseDate", "Date"),
            Element("ReleaseVersion", "Version"),
            Element("GlobalAvailability", "Availability", help="Where, and to whom, the model is available."),
            Element("EHRCompatability", "EHR compatibility", False, "Record systems it works with."),
            Element("RegulatoryApproval", "Regulatory approval", False, "Clearances held, or that there are none."),
        ),
    ),
    Section(
        "ModelSummary", "Summary", (Element("Summary", "In short"), Element("Keywords", "Keywords"))
    ),
    Section(
        "UsesAndDirections",
        "Uses and directions",
        (
            Element("IntendedUseAndWorkflow", "Intended use and workflow"),
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
            Element("OutcomesAndOutputs", "Output"),
            Element("ModelType", "Type of model"),
            Element("FoundationModels", "Foundation models", False),
            Element("InputDataSource", "Source of the data"),
            Element("OutputAndInputDataTypes", "Types of data"),
            Element("DevelopmentDataCharacterization", "Data it was developed on"),
            Element("BiasMitigationApproaches", "Mitigation of bias"),
            Element("OngoingMaintenance", "Maintenance", help="Who maintains it, how often it is reviewed."),
            Element("Security", "Security and privacy", False),
            Element("Transparency", "Transparency", False),
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

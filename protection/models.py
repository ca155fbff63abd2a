"""Data protection and continuity. The tables stand in the files beside this one; Django finds them here."""

from protection.models_breaches import Breach, BreachRecord
from protection.models_continuity import Backup, RestoreDrill
from protection.models_register import ImpactAssessment, ProcessingNote
from protection.models_requests import RequestStep, SubjectRequest
from protection.models_retention import LegalHold, RetentionExecution, RetentionRule

__all__ = [
    "Backup", "Breach", "BreachRecord", "ImpactAssessment", "LegalHold", "ProcessingNote", "RequestStep",
    "RestoreDrill", "RetentionExecution", "RetentionRule", "SubjectRequest",
]  # fmt: skip

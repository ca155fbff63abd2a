"""Terms of a run, in the spelling of the frozen configuration."""

from __future__ import annotations

from federation.domain import legal_bases

ETHICS = {"body": "REC North", "number": "2026/17", "valid_until": "2027-06-30"}
RAW = {
    "purpose": "Outline gliomas for the radiologist.", "lawfulness": "gdpr_6_1_e", "special_category": "gdpr_9_2_j",
    "hipaa": "not_applicable", "ethics": ETHICS, "data_set": "MRI of 2020 to 2025", "epsilon": 3.0,
    "code_version": "a" * 64, "expires_on": "2027-06-30",
}  # fmt: skip
SYNTHETIC = dict.fromkeys(("lawfulness", "special_category", "hipaa"), legal_bases.NO_PERSONAL_DATA) | {"ethics": None}

"""Fails of a version's audits. One stands until a later audit answers it, and is shown to whoever decides even then.

An audit may be repeated, and each time the hospitals answer anew: without this, repeating it until it passes would be a
way to a pass. The same rule stands once more in the database (`guards.REQUEST_NEEDS_EVIDENCE`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from federation.domain.messages import digest
from models_registry.models import Evidence, Version

AUDIT = "predeployment_audit"
_CERTIFICATION = "certification"
_INFORMS = "informs"


@dataclass(frozen=True)
class Fail:
    """A check that failed and could decide, the evidence that says so, and the evidence that answered it later."""

    evidence: Evidence
    check: Mapping[str, Any]  # as the summary keeps it; empty if the audit failed without naming a check
    answered_by: Evidence | None

    @property
    def stands(self) -> bool:
        return self.answered_by is None

    @property
    def title(self) -> str:
        return self.check.get("title") or "The audit as a whole"

    @property
    def tier(self) -> str:
        return self.evidence.summary.get("tier") or "quick"

    @property
    def patients(self) -> int:
        """How many patients the fail rests on; 0 if that was not kept."""
        return self.check.get("patients") or 0

    def as_dict(self) -> dict[str, Any]:
        """As the API tells it."""
        return {
            "audit": str(self.evidence.source_id), "check": self.check.get("check_id", ""), "title": self.title,
            "tier": self.tier, "patients": self.patients, "sentence": self.check.get("sentence", ""),
            "failed_at": self.evidence.created_at.isoformat(), "stands": self.stands,
            "answered_by": str(self.answered_by.source_id) if self.answered_by else None,
        }  # fmt: skip


def fails_of(version: Version) -> list[Fail]:
    """Every check that ever failed in an audit of the version and could decide, oldest first."""
    found = list(version.evidence.filter(kind=AUDIT).order_by("created_at"))
    return [
        Fail(evidence, check, next((later for later in found[i + 1 :] if _answers(later, evidence, check)), None))
        for i, evidence in enumerate(found)
        if evidence.verdict == Evidence.Verdict.FAIL
        for check in _failed(evidence)
    ]


def standing_of(version: Version) -> list[Fail]:
    """Those that no later audit has answered."""
    return [fail for fail in fails_of(version) if fail.stands]


def digest_of(fails: Sequence[Fail]) -> str:
    """What a signature binds of them: which failed in which audit, and what answered each."""
    return digest(
        [
            {
                "audit": fail.evidence.digest, "check": fail.check.get("check_id", ""),
                "answered_by": fail.answered_by.digest if fail.answered_by else "",
            }
            for fail in fails
        ]
    )  # fmt: skip


def words_of(standing: Sequence[Fail]) -> str:
    """Why nothing can be requested while these stand."""
    last = standing[-1]
    said = (
        _(
            "A fail stands: %(check)s, in the %(tier)s audit of %(day)s. It stands until an audit of at least that "
            "tier passes, this check included, with as many patients (%(n)s) or more."
        )
        if last.patients
        else _(
            "A fail stands: %(check)s, in the %(tier)s audit of %(day)s. It stands until an audit of at least that "
            "tier passes, this check included, with as many patients or more."
        )
    )
    return said % {
        "check": last.title, "tier": _(last.tier), "n": f"{last.patients or 0:,}",
        "day": date_format(last.evidence.created_at, "j M Y"),
    }  # fmt: skip


def _failed(evidence: Evidence) -> list[Mapping[str, Any]]:
    rows = _checks(evidence)
    return [row for row in rows if row.get("verdict") == "fail" and row.get("decides") != _INFORMS] or [{}]


def _answers(later: Evidence, evidence: Evidence, check: Mapping[str, Any]) -> bool:
    """Whether a later audit passes at least the same test: its tier, this check, and as many patients."""
    if later.verdict != Evidence.Verdict.PASS:
        return False
    if evidence.summary.get("tier") == _CERTIFICATION != later.summary.get("tier"):
        return False
    if not check:
        return True
    return any(
        row.get("verdict") == "pass"
        and check.get("check_id") in (row.get("check_id"), row.get("instead_of"))
        and (row.get("patients") or 0) >= (check.get("patients") or 0)
        for row in _checks(later)
    )


def _checks(evidence: Evidence) -> list[Mapping[str, Any]]:
    return evidence.summary.get("checks") or []

"""What a check returns, whatever it measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audits.domain.verdict import Verdict
from audits.predeployment.checks.plain import plain

FAIRNESS, PRIVACY, TRANSPARENCY = "fairness", "privacy", "transparency"


@dataclass(frozen=True)
class Check:
    """One measured requirement.

    Attributes
    ----------
    id : slug, unique within an audit
    gating : whether it decides the audit's verdict; otherwise it is evidence for people
    value, lower, upper : the figure and its bounds; None where not measured, never NaN
    threshold : what the figure is held against; None if nothing is
    sentence : the figure in plain words
    evidence : plain JSON, everything that a reader needs to check the figure
    """

    id: str
    principle: str
    title: str
    gating: bool
    verdict: Verdict
    value: float | None
    lower: float | None
    upper: float | None
    threshold: float | None
    sentence: str
    evidence: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Keep only what JSON and the digest can hold."""
        for name in ("value", "lower", "upper", "threshold", "evidence"):
            object.__setattr__(self, name, plain(getattr(self, name)))

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; its canonical form enters the audit's digest."""
        return {
            "check_id": self.id,
            "principle": self.principle,
            "title": self.title,
            "gating": self.gating,
            "verdict": self.verdict.value,
            "value": self.value,
            "lower": self.lower,
            "upper": self.upper,
            "threshold": self.threshold,
            "sentence": self.sentence,
            "evidence": dict(self.evidence),
        }

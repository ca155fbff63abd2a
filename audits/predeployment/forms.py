from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings

from audits.predeployment.models import AuditPolicy, AuditRun
from models_registry.models import Evidence

_OUTCOMES = [
    ("", "All audits"),
    *[(value, value.replace("_", " ").capitalize()) for value in Evidence.Verdict.values],
    (AuditRun.State.RUNNING.value, "Still running"),
    (AuditRun.State.FAILED.value, "Ended without a result"),
]


class AuditFilterForm(forms.Form):
    """Which audits to list."""

    outcome = forms.ChoiceField(choices=_OUTCOMES, required=False)

    def apply(self, audits):
        """Narrow a query set; an unknown outcome narrows nothing."""
        outcome = self.cleaned_data.get("outcome") if self.is_valid() else ""
        if not outcome:
            return audits
        return audits.filter(**{"state" if outcome in AuditRun.State.values else "verdict": outcome})


class AuditStartForm(forms.Form):
    """What kind of audit to start. An empty form is a quick audit under the platform's class of risk."""

    tier = forms.ChoiceField(choices=AuditRun.Tier, required=False, initial=AuditRun.Tier.QUICK)
    risk_class = forms.ChoiceField(
        choices=AuditPolicy.RiskClass, required=False, label="Class of risk",
        help_text="Decides which approved policy applies.",
    )  # fmt: skip
    threshold = forms.FloatField(
        required=False, min_value=0.001, max_value=settings.BIAS_THRESHOLD, label="Largest gap tolerated",
        help_text="Only tighter than the policy. Empty: as the policy says.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["risk_class"].initial = settings.AUDIT_RISK_CLASS

    @property
    def chosen(self) -> dict[str, Any]:
        """The arguments of `services.audit_start`."""
        data = self.cleaned_data
        threshold = data.get("threshold")
        return {
            "tier": data["tier"] or AuditRun.Tier.QUICK,
            "risk_class": data["risk_class"] or None,
            "chosen": None if threshold is None else {"bias_score.threshold": threshold},
        }

    @property
    def complaint(self) -> str:
        return " ".join(f"{self.fields[name].label or name}: {errors[0]}" for name, errors in self.errors.items())


class AuditStopForm(forms.Form):
    reason = forms.CharField(
        max_length=500, widget=forms.Textarea(attrs={"rows": 2}), help_text="It becomes part of the record."
    )


class ThresholdsForm(forms.Form):
    """Which of an audit's proposals to record, and why."""

    attribute = forms.ChoiceField(label="Thresholds by")
    reason = forms.CharField(
        max_length=500, widget=forms.Textarea(attrs={"rows": 2}), help_text="It becomes part of the record."
    )

    def __init__(self, *args: Any, attributes: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["attribute"].choices = [(name, name.replace("_", " ")) for name in attributes]  # type: ignore[attr-defined]

    @property
    def complaint(self) -> str:
        return " ".join(f"{self.fields[name].label or name}: {errors[0]}" for name, errors in self.errors.items())


class _AuditField(forms.ModelChoiceField):
    def label_from_instance(self, obj: AuditRun) -> str:
        return f"{obj.version}, {obj.created_at:%d %b %Y %H:%M}, {obj.verdict.replace('_', ' ')}"


class CompareForm(forms.Form):
    """Which audit to hold this one against."""

    def __init__(self, *args: Any, others: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["other"] = _AuditField(others, label="Compare with", empty_label="Choose an audit")

from __future__ import annotations

from django import forms

from audits.predeployment.models import AuditRun
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


class AuditStopForm(forms.Form):
    reason = forms.CharField(
        max_length=500, widget=forms.Textarea(attrs={"rows": 2}), help_text="It becomes part of the record."
    )
